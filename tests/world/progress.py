"""Progress within a bound, while nothing goes wrong."""

from __future__ import annotations

from pedidos_common.domain.jobs import FINAL
from pedidos_common.domain.runs import Run
from tests.world.small_world import SmallWorld

# the leader's lease, a job's lease, another one until the leases are trusted again, and a little
BOUND_SECONDS = 30
Measure = tuple[object, ...]


def calm_down(world: SmallWorld) -> None:
    """Nothing is held up, nothing further is foreseen; the world's frozen workers stay so."""
    world.let_go()
    world.rings_repeat = False
    for worker in world.workers:
        worker.troubles.clear()
    if all(worker.frozen for worker in world.workers):
        for worker in world.workers:
            worker.thaw()


async def progress(world: SmallWorld, run: Run) -> None:
    """Let the world go on, undisturbed, until the run has got further.

    Raises:
        AssertionError: when it has not within the bound.
    """
    calm_down(world)
    await world.queue_state.write("running")
    before = await _measure(world, run)
    for _ in range(BOUND_SECONDS):
        await world.turn(seconds=1.0)
        if await _measure(world, run) != before:
            return
    raise AssertionError(f"no progress in {BOUND_SECONDS} s of calm: {before}")


async def _measure(world: SmallWorld, run: Run) -> Measure:
    """What only rises with work that is done: jobs, those that are over, attempts at orders."""
    jobs, orders = await world.jobs(run), await world.records(run.id)
    return (
        (await world.run(run)).phase,
        len(jobs),
        sum(job.status in FINAL for job in jobs),
        sum(str(record.status) != "pendente" for record in orders),
        sum(record.order.attempts for record in orders),
    )
