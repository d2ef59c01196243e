"""The simulation keeps its books, and behaves as a machine of its size must."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.capacity.simulation.clock import Clock, Permits, Process, Stuck
from bench.capacity.simulation.costs import Costs
from bench.capacity.simulation.machine import Machine, PythonProcess
from bench.capacity.simulation.pipeline import simulate
from bench.capacity.simulation.setup import Outcome, Setup

COSTS = Costs()
ORDERS = 100_000


def _ends(cores: float, *wanted: float) -> list[float]:
    """When threads that start together end, each wanting so many seconds."""
    clock, ends = Clock(), dict[int, float]()
    machine = Machine(clock, cores)

    def thread(number: int, seconds: float) -> Process:
        yield machine.use(seconds)
        ends[number] = clock.now

    for number, seconds in enumerate(wanted):
        clock.start(thread(number, seconds))
    clock.run(lambda: len(ends) == len(wanted), 100.0)
    assert machine.busy_seconds == pytest.approx(sum(wanted))
    return [ends[number] for number in range(len(wanted))]


def test_threads_share_cores_evenly_and_none_gets_more_than_one() -> None:
    assert _ends(2, 1.0) == pytest.approx([1.0])
    assert _ends(2, 1.0, 1.0) == pytest.approx([1.0, 1.0])
    assert _ends(1, 1.0, 1.0) == pytest.approx([2.0, 2.0])
    assert _ends(1, 1.0, 2.0) == pytest.approx([2.0, 3.0])
    assert _ends(2, 1.0, 1.0, 4.0) == pytest.approx([1.5, 1.5, 4.5])


def test_a_python_process_is_one_thread() -> None:
    clock, ends = Clock(), list[float]()
    process = PythonProcess(clock, Machine(clock, 8))

    def task() -> Process:
        yield from process.run(1.0)
        ends.append(clock.now)

    for _ in range(3):
        clock.start(task())
    clock.run(lambda: len(ends) == 3, 100.0)
    assert ends == pytest.approx([1.0, 2.0, 3.0])


def test_permits_are_handed_on_in_the_order_of_asking() -> None:
    clock, taken = Clock(), list[int]()
    permits = Permits(clock, 1)

    def asker(number: int) -> Process:
        yield permits.take()
        taken.append(number)
        yield clock.sleep(1.0)
        permits.give_back()

    for number in range(3):
        clock.start(asker(number))
    clock.run(lambda: len(taken) == 3, 10.0)
    assert taken == [0, 1, 2]
    assert clock.now == pytest.approx(2.0)


def test_a_simulation_that_nothing_can_end_says_so() -> None:
    with pytest.raises(Stuck, match=r"not over at 0\.0 s"):
        Clock().run(lambda: False, 10.0)


@pytest.mark.parametrize(
    "setup",
    [
        Setup(ORDERS),
        Setup(12_345, batch_size=700, chunk_size=1_000, group_size=3_000),
        Setup(1),
        Setup(500, batch_size=1),
        Setup(ORDERS, workers=4, generators=1, shards=3, shard_cores=2),
    ],
)
def test_every_order_is_written_once_and_updated_once(setup: Setup) -> None:
    outcome = simulate(setup, COSTS)
    assert outcome.orders_inserted == outcome.orders_updated == setup.quantity
    assert set(outcome.inserted.values()) == {1}
    assert set(outcome.updated.values()) == {1}
    assert len(outcome.inserted) == -(-setup.quantity // setup.chunk_size)


@pytest.mark.parametrize("workers", [1, 4])
def test_no_normal_order_starts_before_the_last_vip_one_ended(workers: int) -> None:
    outcome = simulate(Setup(ORDERS, workers=workers), COSTS)
    assert outcome.last_vip_settled > 0
    assert outcome.barrier_seconds > 0


def test_processor_time_is_what_the_orders_and_jobs_cost() -> None:
    outcome = simulate(Setup(ORDERS), COSTS)
    assert outcome.cpu_seconds["generator"] == pytest.approx(
        ORDERS * COSTS.generator + len(outcome.inserted) * COSTS.job_client
    )
    assert outcome.cpu_seconds["worker"] == pytest.approx(
        ORDERS * COSTS.worker + len(outcome.updated) * COSTS.job_client
    )


def test_it_takes_no_less_than_the_machine_needs() -> None:
    outcome = simulate(Setup(ORDERS, cores=2), COSTS)
    assert outcome.seconds >= sum(outcome.cpu_seconds.values()) / 2


def test_twice_the_resources_take_half_the_time() -> None:
    once, twice = (
        _saturated(Setup(2_000_000, workers=4 * n, generators=4 * n, cores=1.0 * n)) for n in (1, 2)
    )
    assert once.seconds / twice.seconds == pytest.approx(2.0, rel=0.05)


def test_twice_the_orders_take_twice_the_time() -> None:
    once, twice = (_saturated(Setup(n * 1_000_000, cores=1)) for n in (1, 2))
    assert twice.seconds / once.seconds == pytest.approx(2.0, rel=0.05)


def test_with_clients_at_will_mongodb_is_the_bound() -> None:
    setup = Setup(1_000_000, workers=16, generators=16, shard_cores=1)
    slow_updates = replace(COSTS, update=COSTS.update * 5)
    outcome = simulate(setup, slow_updates)
    floor = setup.quantity * slow_updates.mongod
    assert floor <= outcome.seconds <= floor * 1.1
    assert outcome.mongod_busy_share > 0.9


def test_more_workers_do_not_help_where_the_cores_are_taken() -> None:
    two, eight = (_saturated(Setup(1_000_000, workers=n, cores=1)) for n in (2, 8))
    assert eight.seconds == pytest.approx(two.seconds, rel=0.05)


def test_what_is_open_at_once_stays_bounded() -> None:
    small, large = (simulate(Setup(n), COSTS).rings_at_most for n in (1_000_000, 4_000_000))
    assert max(small, large) <= 96 + 200
    assert abs(small - large) <= 10  # one group


def _saturated(setup: Setup) -> Outcome:
    """With work that is slow beside the engine's pauses."""
    slow = replace(COSTS, update=COSTS.update * 4, insert=COSTS.insert * 4)
    return simulate(setup, slow)
