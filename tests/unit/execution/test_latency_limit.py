"""How many writes may go on at once: a little more than the server has processors, by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_common.execution.latency_limit import LatencyLimit, Write
from tests.unit.execution.queueing import Server, busy, run_until


def settled(server: Server, limit: LatencyLimit, seconds: float = 20.0) -> list[int]:
    """What the limit was, four times a second, in the last 10 of so many seconds."""
    running, seen, time = busy(server, [limit]), [], 0.0
    while time < seconds:
        time += 0.25
        run_until(running, time)
        if time > seconds - 10:
            seen.append(limit.limit)
    return seen


@pytest.mark.parametrize("start", [1, 4, 32])
@pytest.mark.parametrize("processors", [1, 2, 4, 8])
def test_it_ends_a_little_above_the_processors_from_below_and_above(
    processors: int, start: int
) -> None:
    seen = settled(Server(processors), LatencyLimit(32, start))
    assert min(seen) >= processors
    assert max(seen) <= processors + 3


@pytest.mark.parametrize("processors", [2, 4])
def test_noise_does_not_mislead_it(processors: int) -> None:
    seen = sorted(settled(Server(processors, noise=0.4), LatencyLimit(32, 4)))
    middle = seen[len(seen) // 2]
    assert processors <= middle <= processors + 4


def test_it_follows_when_the_server_changes() -> None:
    server, limit = Server(8), LatencyLimit(32, 4)
    running = busy(server, [limit])
    run_until(running, 10)
    assert 8 <= limit.limit <= 11
    server.processors = 2
    run_until(running, 20)
    assert 2 <= limit.limit <= 5
    server.processors = 6
    run_until(running, 30)
    assert 6 <= limit.limit <= 9


def test_a_wait_that_needs_no_processor_is_filled_with_others() -> None:
    seen = settled(Server(2, pause=0.02), LatencyLimit(32, 4))
    assert min(seen) > 4, "a write of 30 ms needs a processor for 10 of them: 6 keep two busy"


def test_writes_of_all_sizes_are_judged_each_by_its_own() -> None:
    server = Server(4, orders=lambda draw: draw.choice([1, 20, 1_000]), fixed_work=0.002)
    seen = sorted(settled(server, LatencyLimit(32, 4)))
    assert 4 <= seen[len(seen) // 2] <= 8


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_that_share_a_server_share_it_fairly(workers: int) -> None:
    limits = [LatencyLimit(32, 4) for _ in range(workers)]
    run_until(busy(Server(8, noise=0.2), limits), 25)
    each = [limit.limit for limit in limits]
    assert sum(each) <= 8 + 6 * workers
    assert max(each) <= 4 * min(each)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_workers_of_a_small_server_write_one_at_a_time_most_of_the_time(noise: float) -> None:
    limits = [LatencyLimit(4, 1) for _ in range(2)]
    running, seen = busy(Server(2, noise=noise), limits), []
    for quarter in range(4 * 60):
        run_until(running, quarter / 4)
        seen.append(sum(limit.limit for limit in limits))
    assert sum(total == 2 for total in seen) > 0.9 * len(seen)


def test_one_write_alone_tries_a_second_one_again_after_a_while() -> None:
    limit, server = LatencyLimit(32, 2), Server(1)
    running = busy(server, [limit])
    run_until(running, 3)
    assert limit.limit == 1
    server.processors = 4
    run_until(running, 12)
    assert limit.limit >= 4


def test_it_does_not_rise_while_it_is_not_used() -> None:
    limit, now = LatencyLimit(32, 4), 0.0
    for _ in range(2_000):
        now += 0.02
        limit.ended(Write(1_000, now - 0.01, now, beside=1))
    assert limit.limit == 4


def test_a_failure_halves_it_once_for_all_that_had_begun() -> None:
    limit = LatencyLimit(32, 16)
    for _ in range(5):
        limit.failed(began_at=1.0, now=2.0)
        limit.failed(began_at=1.5, now=2.5)
    assert limit.limit == 8
    limit.failed(began_at=3.0, now=4.0)
    assert limit.limit == 4


def test_a_probe_costs_little_however_slow_writes_are() -> None:
    limit = LatencyLimit(8, 4)
    running = busy(Server(8, pause=2.0), [limit])
    probing = looks = 0
    for now in running:
        looks += limit.allowed == 1
        probing += 1
        if now > 1_500:
            break
    assert looks < probing / 20


write = st.builds(
    Write,
    orders=st.integers(0, 20_000),
    began_at=st.floats(0, 1e6),
    ended_at=st.floats(0, 1e6),
    beside=st.integers(1, 200),
)


@settings(max_examples=200, deadline=None)
@given(
    most=st.integers(1, 100),
    start=st.integers(1, 200),
    events=st.lists(st.one_of(write, st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)))),
)
def test_whatever_it_is_told_it_stays_within_its_bounds(
    most: int, start: int, events: list[Write | tuple[float, float]]
) -> None:
    limit = LatencyLimit(most, start)
    for event in events:
        if isinstance(event, Write):
            limit.ended(event)
        else:
            limit.failed(*event)
        assert 1 <= limit.limit <= most
        assert 1 <= limit.allowed <= limit.limit


@settings(max_examples=15, deadline=None)
@given(
    processors=st.integers(1, 12),
    start=st.integers(1, 32),
    work=st.integers(100, 5_000),
)
def test_it_finds_any_server_s_knee(processors: int, start: int, work: int) -> None:
    server = Server(processors, orders=lambda _draw: work)
    seen = settled(server, LatencyLimit(32, start), 25.0)
    assert min(seen) >= processors
    assert max(seen) <= processors + 2 + processors // 3
