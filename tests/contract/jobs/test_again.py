"""Jobs that are to be tried again: where they stand, which come first, how many there are."""

from __future__ import annotations

from datetime import timedelta

from pedidos_common.adapters.mongo import job_changes as changes
from pedidos_common.adapters.mongo.job_queues import put_off_pipeline
from pedidos_common.domain.jobs import Retry
from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import RUN, claimed, new
from tests.contract.lab import Lab

QUEUE = "inventory"


async def test_a_ring_has_its_jobs_age_until_that_had_its_turn(ledger: JobLedger, lab: Lab) -> None:
    job_id = f"{RUN}:a"
    await ledger.create([new("a", queue=QUEUE, ahead_seconds=60.0), new("b")])

    async def ahead() -> float:
        bells = {bell.job_id: bell for bell in await ledger.silent(0.0, 10)}
        assert bells[f"{RUN}:b"].ahead_seconds == 0.0, "a run's job has no age"
        return bells[job_id].ahead_seconds

    async def is_a_second_old() -> bool:
        return await ahead() >= 61.0

    await lab.until(is_a_second_old)
    await ledger.settle(await claimed(ledger), Retry("its provider is paused", 0.0))
    (bell,) = await ledger.release_due(10)
    assert bell.ahead_seconds >= 61.0
    await ledger.settle(await claimed(ledger), Retry("its customer", 0.0, fresh=True))
    (bell,) = await ledger.release_due(10)
    assert 60.0 <= bell.ahead_seconds < 61.0


async def test_what_is_due_first_is_released_first(ledger: JobLedger, lab: Lab) -> None:
    """Else, where more are due than a round takes, those with high ids never come."""
    await ledger.create([new(name) for name in "abc"])
    for name, delay in (("a", 0.3), ("b", 0.2), ("c", 0.1)):
        await ledger.settle(await claimed(ledger, name), Retry("later", delay))
    start = await lab.now()

    async def all_are_due() -> bool:
        return await lab.now() - start > timedelta(seconds=0.4)

    await lab.until(all_are_due)
    released = [await ledger.release_due(1) for _ in range(4)]
    ids = [bell.job_id for bells in released for bell in bells]
    assert ids == [f"{RUN}:c", f"{RUN}:b", f"{RUN}:a"]


async def test_what_is_put_off_is_counted_until_it_is_due(ledger: JobLedger) -> None:
    await ledger.create([new(name, queue=QUEUE) for name in "abcd"] + [new("e")])
    for name in "abe":
        await ledger.settle(await claimed(ledger, name), Retry("its provider is paused", 0.0))
    await ledger.settle(await claimed(ledger, "c"), Retry("it failed", 0.0, counts=True))
    await ledger.settle(
        await claimed(ledger, "d"), Retry("its customer has to act", 0.0, fresh=True)
    )
    queues = [QUEUE, "orders", "order-processing"]
    assert await ledger.put_off(queues, 10) == {QUEUE: 2, "orders": 0, "order-processing": 0}
    assert (await ledger.put_off(queues, 1))[QUEUE] == 1
    await ledger.release_due(10)
    assert (await ledger.put_off(queues, 10))[QUEUE] == 0


async def test_what_is_to_be_tried_again_is_found_by_indexes_that_have_it_alone(
    lab: Lab,
) -> None:
    if lab.database is None:
        return
    due = {"find": "jobs", "filter": changes.due(), "sort": {"dueAt": 1}, "limit": 10}
    told = await lab.database.command("explain", due)
    plan = str(told["queryPlanner"]["winningPlan"])
    assert "'indexName': 'due'" in plan
    assert "'SORT'" not in plan, "the index gives the order"
    counted = {"aggregate": "jobs", "pipeline": put_off_pipeline([QUEUE], 10), "cursor": {}}
    told = await lab.database.command("explain", counted)
    (first, *_) = told.get("stages", [{"$cursor": told}])
    plan = str(first["$cursor"]["queryPlanner"]["winningPlan"])
    assert "'indexName': 'put_off'" in plan
    assert "'FETCH'" not in plan, "no job is looked at"
