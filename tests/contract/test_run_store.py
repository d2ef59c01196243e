"""Every run store, queue state and leader lease keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from pedidos_common.adapters.mongo.controls import MongoQueueState
from pedidos_common.adapters.mongo.leases import MongoLeaderLease
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.domain.errors import InvalidTransition, ResetInProgress, RunAlreadyActive
from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.runs import AbortRequest, Phase, Plan, Run, Source
from pedidos_common.ports import Expired, LeaderLease, QueueState, QueueStates, RunStore
from pedidos_common.testing.clock import START
from pedidos_common.testing.in_memory_controls import InMemoryLeaderLease, InMemoryQueueState
from pedidos_common.testing.in_memory_runs import InMemoryRunStore
from tests.contract.lab import KINDS, Lab, lab_of

PLAN = Plan(25_000, 10_000, 1_000, 10_000, 7, 1, Source.IMPORTED, "imp-1")
LIVE = {"generated": 5, "vip": {"processed": 1, "failed": 0}, "error": "$text"}


def a_run(number: int) -> Run:
    return Run(
        id=new_run_id(1_735_700_000_000 + number, number),
        plan=PLAN,
        phase=Phase.IDLE,
        created_at=START,
        settings={"MAX_ORDERS": 5},
        trace="00-x",
    )


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with lab_of(request.param, request) as found:
        yield found


@pytest.fixture
def runs(lab: Lab) -> RunStore:
    if lab.database is not None:
        return MongoRunStore(lab.database)
    assert lab.clock is not None
    return InMemoryRunStore(lab.clock)


@pytest.fixture
def queue_state(lab: Lab) -> QueueState:
    return MongoQueueState(lab.database) if lab.database is not None else InMemoryQueueState()


@pytest.fixture
def leader(lab: Lab) -> LeaderLease:
    if lab.database is not None:
        return MongoLeaderLease(lab.database)
    assert lab.clock is not None
    return InMemoryLeaderLease(lab.clock)


async def _ended(runs: RunStore, run: Run, phase: Phase = Phase.DONE) -> Run:
    moved = await runs.move(run, phase, 1)
    assert moved is not None
    return moved


async def test_a_started_run_reads_as_it_was_given(runs: RunStore) -> None:
    given = a_run(1)
    run = await runs.start(given)
    assert await runs.get(given.id) == run
    assert (run.id, run.plan, run.settings, run.trace) == (given.id, PLAN, given.settings, "00-x")
    assert (run.phase, run.active, run.abort) == (Phase.GENERATING, True, None)
    assert [change.phase for change in run.history] == [Phase.GENERATING]
    assert await runs.active() == await runs.current() == run
    assert await runs.get(a_run(2).id) is None


async def test_it_tells_the_time_that_its_runs_get(runs: RunStore) -> None:
    before = await runs.now()
    run = await runs.start(a_run(1))
    assert before <= run.created_at <= await runs.now()


async def test_of_many_starts_one_wins_and_the_others_learn_which(runs: RunStore) -> None:
    starts = (runs.start(a_run(number)) for number in range(1, 9))
    results = await asyncio.gather(*starts, return_exceptions=True)
    winners = [result for result in results if isinstance(result, Run)]
    losers = [result for result in results if isinstance(result, RunAlreadyActive)]
    assert (len(winners), len(losers)) == (1, 7)
    with pytest.raises(RunAlreadyActive) as refused:
        await runs.start(a_run(99))
    assert UUID(refused.value.run_id) == winners[0].id


async def test_a_move_is_a_compare_and_set(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    moved = await runs.move(run, Phase.ENQUEUE_VIP, 1)
    assert moved is not None
    assert (moved.phase, moved.active) == (Phase.ENQUEUE_VIP, True)
    assert await runs.move(run, Phase.DONE, 1) is None
    assert [change.phase for change in moved.history] == [Phase.GENERATING, Phase.ENQUEUE_VIP]


async def test_a_move_to_the_end_keeps_its_fields(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    fields = {"error": "$broken", "totalTimeMs": 12, "startVIP": START, "cancelled": {"n": 1}}
    ended = await runs.move(run, Phase.ERROR, 1, fields)
    assert ended is not None
    assert (ended.error, ended.cancelled) == ("$broken", {"n": 1})
    assert ended.figures == {"totalTimeMs": 12, "startVIP": START}
    assert await runs.get(run.id) == ended
    assert await runs.active() is None
    assert await runs.current() == ended


async def test_an_old_leader_writes_nothing(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    assert await runs.project(run.id, {"generated": 9}, 5) is not None
    assert await runs.project(run.id, {"generated": 1}, 4) is None
    assert await runs.move(run, Phase.DONE, 4) is None
    stored = await runs.get(run.id)
    assert stored is not None
    assert (stored.live, stored.phase) == ({"generated": 9}, Phase.GENERATING)


async def test_a_move_shuts_earlier_leaders_out(runs: RunStore) -> None:
    moved = await runs.move(await runs.start(a_run(1)), Phase.ENQUEUE_VIP, 5)
    assert moved is not None
    assert await runs.move(moved, Phase.WAITING_VIP_DRAIN, 4) is None
    assert await runs.project(moved.id, LIVE, 4) is None
    assert await runs.move(moved, Phase.WAITING_VIP_DRAIN, 5) is not None


async def test_live_figures_are_stamped(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    written_at = await runs.project(run.id, LIVE, 1)
    stored = await runs.get(run.id)
    assert stored is not None
    assert (stored.live, stored.updated_at) == (LIVE, written_at)


async def test_annotations(runs: RunStore) -> None:
    run = await _ended(runs, await runs.start(a_run(1)))
    await runs.annotate(run.id, {"receipt": {"processed": 3}})
    stored = await runs.get(run.id)
    assert stored is not None
    assert stored.receipt == {"processed": 3}


async def test_only_an_active_run_is_asked_to_end(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    assert await runs.is_open(run.scope)
    wanted = AbortRequest(remove_pending=False, purge=True, reset_logs=True)
    assert await runs.request_abort(run.id, wanted)
    stored = await runs.get(run.id)
    assert stored is not None
    assert stored.abort == wanted
    assert not await runs.is_open(run.scope)
    await _ended(runs, run, Phase.ABORTED)
    assert not await runs.request_abort(run.id, wanted)
    assert not await runs.request_abort(a_run(2).id, wanted)


@pytest.mark.parametrize("phase", [Phase.ABORTED, Phase.ERROR])
async def test_a_run_that_stopped_is_resumed(runs: RunStore, phase: Phase) -> None:
    run = await runs.start(a_run(1))
    await runs.request_abort(run.id, AbortRequest())
    await runs.move(run, phase, 1, {"error": "why", "cancelled": {"n": 1}})
    resumed = await runs.resume(run.id)
    assert (resumed.phase, resumed.active, resumed.resumes) == (Phase.GENERATING, True, 1)
    assert (resumed.abort, resumed.error, resumed.cancelled) == (None, None, None)
    assert [change.phase for change in resumed.history] == ["GENERATING", phase, "GENERATING"]
    assert await runs.is_open(run.scope)


async def test_a_resume_is_refused_by_phase_and_by_another_run(runs: RunStore) -> None:
    with pytest.raises(InvalidTransition):
        await runs.resume(a_run(1).id)
    first = await runs.start(a_run(1))
    with pytest.raises(InvalidTransition):
        await runs.resume(first.id)
    await _ended(runs, first, Phase.ABORTED)
    second = await runs.start(a_run(2))
    with pytest.raises(RunAlreadyActive):
        await runs.resume(first.id)
    await _ended(runs, second, Phase.DONE)
    with pytest.raises(InvalidTransition):
        await runs.resume(second.id)


async def test_a_run_whose_orders_were_deleted_is_not_resumed(runs: RunStore) -> None:
    run = await _ended(runs, await runs.start(a_run(1)), Phase.ABORTED)
    await runs.annotate(run.id, {"cancelled": {"removePending": True, "deletedPending": 3}})
    with pytest.raises(InvalidTransition):
        await runs.resume(run.id)


async def test_a_run_whose_orders_retention_removed_is_not_resumed(runs: RunStore) -> None:
    run = await _ended(runs, await runs.start(a_run(1)), Phase.ABORTED)
    await runs.annotate(run.id, {"ordersExpired": START})
    stored = await runs.get(run.id)
    assert stored is not None
    assert stored.figures["ordersExpired"] == START
    with pytest.raises(InvalidTransition):
        await runs.resume(run.id)
    await runs.annotate(run.id, {"ordersExpired": None})
    assert (await runs.resume(run.id)).active


@pytest.mark.parametrize("what", ["jobsExpired", "ordersExpired"])
async def test_runs_before_one_are_marked_once_as_expired(runs: RunStore, what: Expired) -> None:
    old = [await _ended(runs, await runs.start(a_run(number))) for number in (1, 2)]
    young = await runs.start(a_run(3))

    async def marks() -> list[object]:
        found = [await runs.get(run.id) for run in [*old, young]]
        return [run.figures.get(what) for run in found if run is not None]

    await runs.mark_expired(what, a_run(3).id)
    first = await marks()
    assert [mark is not None for mark in first] == [True, True, False]
    await runs.mark_expired(what, a_run(9).id)
    assert await marks() == first  # the first date stays, and an active run keeps what it has


async def test_an_older_run_that_is_resumed_is_the_current_one(runs: RunStore) -> None:
    first = await _ended(runs, await runs.start(a_run(1)), Phase.ABORTED)
    await _ended(runs, await runs.start(a_run(2)))
    resumed = await runs.resume(first.id)
    assert await runs.current() == resumed
    ended = await _ended(runs, resumed)
    assert await runs.current() == ended


async def test_the_run_of_an_import_is_found(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    assert await runs.importing("imp-1") == run
    assert await runs.importing("imp-2") is None


async def test_pages_newest_first(runs: RunStore) -> None:
    for number in range(1, 6):
        await _ended(runs, await runs.start(a_run(number)))
    first = await runs.page(3, None)
    rest = await runs.page(3, first.cursor)
    assert [run.id for run in [*first.items, *rest.items]] == [a_run(n).id for n in range(5, 0, -1)]
    assert rest.cursor is None


@pytest.mark.parametrize("history", [False, True])
async def test_forgetting_goes_back_to_idle(runs: RunStore, history: bool) -> None:
    run = await _ended(runs, await runs.start(a_run(1)), Phase.ABORTED)
    await runs.forget(history)
    assert await runs.current() is None
    assert len((await runs.page(10, None)).items) == (0 if history else 1)
    with pytest.raises(InvalidTransition):
        await runs.resume(run.id)
    again = await runs.start(a_run(2))
    assert await runs.current() == again


async def test_an_active_run_is_not_forgotten(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    await runs.forget(history=True)
    assert await runs.active() == run


async def test_a_reset_and_a_run_exclude_each_other(runs: RunStore) -> None:
    run = await runs.start(a_run(1))
    with pytest.raises(RunAlreadyActive) as refused:
        await runs.hold_for_reset("a", 60.0)
    assert refused.value.run_id == run.scope
    await _ended(runs, run, Phase.ABORTED)
    await runs.hold_for_reset("a", 60.0)
    with pytest.raises(ResetInProgress):
        await runs.start(a_run(2))
    with pytest.raises(ResetInProgress):
        await runs.resume(run.id)
    await runs.release_reset("a")
    assert (await runs.resume(run.id)).active


async def test_of_many_resets_and_starts_one_wins(runs: RunStore) -> None:
    resets = (runs.hold_for_reset(f"r{number}", 60.0) for number in range(4))
    starts = (runs.start(a_run(number)) for number in range(4))
    results = await asyncio.gather(*resets, *starts, return_exceptions=True)
    refused = [one for one in results if isinstance(one, RunAlreadyActive | ResetInProgress)]
    assert len(refused) == 7


async def test_a_resets_hold_shows_nowhere(runs: RunStore) -> None:
    await runs.hold_for_reset("a", 60.0)
    assert await runs.active() is await runs.current() is None
    assert (await runs.page(10, None)).items == []
    assert not await runs.is_open("reset")
    await runs.forget(history=True)
    assert await runs.renew_reset("a", 60.0)
    with pytest.raises(ResetInProgress):
        await runs.hold_for_reset("b", 60.0)


async def test_a_reset_is_renewed_and_released_by_its_owner_alone(runs: RunStore) -> None:
    assert not await runs.renew_reset("a", 60.0)
    await runs.hold_for_reset("a", 60.0)
    assert not await runs.renew_reset("b", 60.0)
    await runs.release_reset("b")
    assert await runs.renew_reset("a", 60.0)
    await runs.release_reset("a")
    assert not await runs.renew_reset("a", 60.0)
    assert await runs.active() is None


async def test_a_hold_whose_owner_died_gives_way_to_a_reset(runs: RunStore, lab: Lab) -> None:
    await runs.hold_for_reset("a", 0.3)

    async def taken() -> bool:
        try:
            await runs.hold_for_reset("b", 60.0)
        except ResetInProgress:
            return False
        return True

    await lab.until(taken)
    assert not await runs.renew_reset("a", 60.0)
    await runs.release_reset("a")
    assert await runs.renew_reset("b", 60.0)


@pytest.mark.parametrize("resumes", [False, True])
async def test_a_hold_whose_owner_died_gives_way_to_a_run(
    runs: RunStore, lab: Lab, resumes: bool
) -> None:
    first = await _ended(runs, await runs.start(a_run(1)), Phase.ABORTED)
    await runs.hold_for_reset("a", 0.3)

    async def entered() -> bool:
        try:
            await (runs.resume(first.id) if resumes else runs.start(a_run(2)))
        except ResetInProgress:
            return False
        return True

    await lab.until(entered)
    assert await runs.active() is not None
    assert not await runs.renew_reset("a", 60.0)


async def test_a_renewed_hold_holds_on(runs: RunStore, lab: Lab) -> None:
    await runs.hold_for_reset("a", 0.3)
    assert await runs.renew_reset("a", 60.0)
    if lab.clock is not None:
        lab.clock.advance(1.0)
    with pytest.raises(ResetInProgress):
        await runs.start(a_run(1))


async def test_the_queue_runs_until_told_otherwise(queue_state: QueueState) -> None:
    assert await queue_state.read() == "running"
    for state in ("paused", "closed", "running"):
        await queue_state.write(state)
        assert await queue_state.read() == state


async def test_each_queue_has_a_state_beside_that_of_all(queue_state: QueueState) -> None:
    assert await queue_state.read_all() == QueueStates()
    await queue_state.write_queue("payment-processing", "paused")
    await queue_state.write_queue("inventory", "draining")
    states = await queue_state.read_all()
    assert states == QueueStates(
        "running", {"payment-processing": "paused", "inventory": "draining"}
    )
    assert await queue_state.read() == "running"

    await queue_state.write("closed")
    await queue_state.write_queue("payment-processing", "running")
    states = await queue_state.read_all()
    assert (states.everything, states.of("payment-processing")) == ("closed", "running")
    assert states.of("inventory") == "draining"


async def test_one_leader_at_a_time_with_a_rising_epoch(leader: LeaderLease, lab: Lab) -> None:
    first = await leader.acquire("a", 0.3)
    assert first is not None
    assert await leader.acquire("b", 60.0) is None
    assert await leader.acquire("a", 0.3) == first
    epochs = []

    async def taken() -> bool:
        epochs.append(await leader.acquire("b", 0.3))
        return epochs[-1] is not None

    await lab.until(taken)
    assert epochs[-1] is not None
    assert epochs[-1] > first
    assert await leader.acquire("a", 60.0) is None
    await leader.release("a")
    assert await leader.acquire("a", 60.0) is None
    await leader.release("b")
    third = await leader.acquire("a", 60.0)
    assert third is not None
    assert third > epochs[-1]


async def test_a_process_that_was_started_again_leads_at_once_and_fences_what_it_was(
    leader: LeaderLease,
) -> None:
    first = await leader.acquire("o-0/1", 60.0)
    assert first is not None
    assert await leader.acquire("o-1/9", 60.0) is None
    assert await leader.acquire("o/9", 60.0) is None
    assert await leader.acquire("o-0/2", 60.0) == first + 1
    assert await leader.acquire("o-0/1", 60.0) is None, "the earlier one must not come back"
    assert await leader.acquire("o-0/2", 60.0) == first + 1


async def test_of_many_candidates_one_leads(leader: LeaderLease) -> None:
    epochs = await asyncio.gather(*(leader.acquire(f"c{n}", 60.0) for n in range(6)))
    assert len([epoch for epoch in epochs if epoch is not None]) == 1
