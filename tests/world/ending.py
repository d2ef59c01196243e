"""How every life ends: once nothing goes wrong any more, the newest run gets to its end."""

from __future__ import annotations

from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.runs import Phase, Run
from tests.world.progress import progress
from tests.world.small_world import SmallWorld
from tests.world.witness import Witness

MOST_PROGRESSES = 1_000


async def end_well(world: SmallWorld, run: Run, witness: Witness) -> None:
    """Take the run to its end, once more after a resume where it can be, and check it."""
    await _to_its_end(world, run, witness)
    if (await world.run(run)).resumable:
        await world.resume(run)
        await _to_its_end(world, run, witness)
    run = await world.run(run)
    assert run.phase in {Phase.DONE, Phase.ABORTED}, f"{run.phase}: {run.error}"
    if run.phase is Phase.DONE:
        await ended_well(world, run)
    await _figures_fit(world, run)


async def _to_its_end(world: SmallWorld, run: Run, witness: Witness) -> None:
    for _ in range(MOST_PROGRESSES):
        if not (await world.run(run)).active:
            return
        await progress(world, run)
        await witness.look([run])
    raise AssertionError(f"it gets on and on, and to no end: {await world.run(run)}")


async def ended_well(world: SmallWorld, run: Run) -> Run:
    """The run, of which everything is checked that holds for any run that is DONE."""
    run = await world.run(run)
    assert run.phase is Phase.DONE
    assert world.breaches == []
    counts = await world.counts(run)
    assert counts.total == run.plan.quantity
    assert counts.pendente == 0
    by_priority = await world.statuses(run)
    for lane, counted in by_priority.items():
        live = run.live[lane.lower()]
        assert (live["processed"], live["failed"]) == (counted.processado, counted.falhou)
        assert live["expected"] == counted.total
    open_jobs = await world.jobs(run, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRYING)
    assert open_jobs == []
    return run


async def _figures_fit(world: SmallWorld, run: Run) -> None:
    for worker in world.workers:
        worker.thaw()
    await world.quiet()
    await world.seat.aftermath.settle()
    run = await world.run(run)
    for lane, counts in (await world.statuses(run)).items():
        live = run.live[lane.lower()]
        assert (live["processed"], live["failed"]) == (counts.processado, counts.falhou)
    assert run.receipt is not None
    assert run.receipt["balanced"]
