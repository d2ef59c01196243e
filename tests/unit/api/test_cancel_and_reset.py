"""Cancel and reset, in every phase."""

from __future__ import annotations

import asyncio

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.orders import Tier
from pedidos_common.domain.runs import ACTIVE, AbortRequest, Phase, Run
from pedidos_common.testing.eventually import eventually
from tests.unit.api.world import Client, World

DONE = {"cancelledJobs": 3, "deletedPending": 2, "purgedRings": 1, "drained": True}


async def _engine(world: World, run: Run) -> None:
    """What the engine does with a cancel."""

    async def asked() -> bool:
        return (await world.run(run.id)).abort is not None

    await eventually(asked)
    await world.ended(await world.run(run.id), Phase.ABORTED, cancelled=DONE)


async def test_cancel_waits_for_the_engine_and_says_what_it_did(
    world: World, client: Client
) -> None:
    run = await world.started(client)
    engine = asyncio.create_task(_engine(world, run))
    answer = await client.post("/pedidos/cancel?removePending=false&purge=false")
    await engine
    assert answer.status_code == 200
    body = answer.json()
    assert body | DONE == body
    assert (body["cancelled"], body["runId"], body["phase"]) == (True, run.scope, "ABORTED")
    ended = await world.run(run.id)
    assert ended.abort == AbortRequest(remove_pending=False, purge=False)


async def test_cancel_that_does_not_drain_in_time_is_202(world: World, client: Client) -> None:
    run = await world.started(client)
    answer = await client.post("/pedidos/cancel")
    assert answer.status_code == 202
    assert (answer.json()["drained"], answer.json()["runId"]) == (False, run.scope)


async def test_cancel_is_harmless_when_idle_and_when_repeated(world: World, client: Client) -> None:
    idle = await client.post("/pedidos/cancel")
    assert (idle.status_code, idle.json()["cancelled"], idle.json()["phase"]) == (
        200,
        False,
        "IDLE",
    )
    run = await world.started(client)
    await world.ended(run, Phase.ABORTED, cancelled=DONE)
    again = await client.post("/pedidos/cancel")
    assert (again.status_code, again.json()["phase"]) == (200, "ABORTED")
    body = again.json()
    numbers = [body[name] for name in ("cancelledJobs", "deletedPending", "purgedRings")]
    assert (body["cancelled"], numbers, body["drained"]) == (False, [0, 0, 0], True)


async def test_cancel_clears_the_logs_where_asked(world: World, client: Client) -> None:
    world.logs.add("worker", "info", "something_happened")
    await client.post("/pedidos/cancel")
    assert await world.logs.newest(10)
    await client.post("/pedidos/cancel?resetLogs=true")
    assert not await world.logs.newest(10)


async def test_cancel_says_that_logs_could_not_be_cleared(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise Unavailable("Redis is away")

    monkeypatch.setattr(world.logs, "clear", away)
    run = await world.started(client)
    engine = asyncio.create_task(_engine(world, run))
    for cancelled in (True, False):
        answer = await client.post("/pedidos/cancel?resetLogs=true")
        await engine
        assert (answer.status_code, answer.json()["cancelled"]) == (200, cancelled)
        assert "logs could not be cleared" in answer.json()["message"]


async def test_reset_does_without_a_broker(world: World, client: Client) -> None:
    await world.ended(await world.started(client))
    world.transport.down = Unavailable("Redis is away")
    answer = await client.post("/pedidos/reset")
    assert (answer.status_code, answer.json()["purgedRings"]) == (200, 0)


async def test_a_run_that_ends_by_itself_was_not_cancelled(world: World, client: Client) -> None:
    run = await world.started(client)
    cancel = asyncio.create_task(client.post("/pedidos/cancel"))

    async def asked() -> bool:
        found = await world.run(run.id)
        return found.abort is not None

    await eventually(asked)
    await world.ended(await world.run(run.id), Phase.DONE)
    answer = await cancel
    assert (answer.status_code, answer.json()["cancelled"]) == (200, False)


async def test_reset_wipes_everything_but_history(world: World, client: Client) -> None:
    run = await world.started(client)
    await world.with_orders(run, [Tier.OURO, Tier.BRONZE])
    await world.ended(run)
    answer = await client.post("/pedidos/reset")
    assert answer.status_code == 200
    assert (answer.json()["deletedOrders"], answer.json()["phase"]) == (2, "IDLE")
    assert (await client.get("/pedidos")).json()["phase"] == "IDLE"
    assert [one["runId"] for one in (await client.get("/pedidos/runs")).json()["items"]] == [
        run.scope
    ]
    assert await world.queue_state.read() == "running"


async def test_reset_with_history_forgets_runs(world: World, client: Client) -> None:
    await world.ended(await world.started(client))
    assert (await client.post("/pedidos/reset?history=true")).json()["historyDeleted"] is True
    assert (await client.get("/pedidos/runs")).json()["items"] == []


@pytest.mark.parametrize("phase", sorted(ACTIVE))
async def test_reset_is_refused_in_every_active_phase(
    world: World, client: Client, phase: Phase
) -> None:
    run = await world.started(client)
    if phase is not run.phase:
        await world.ended(run, phase)
    answer = await client.post("/pedidos/reset")
    assert (answer.status_code, answer.json()["runId"]) == (409, run.scope)


@pytest.mark.parametrize("phase", sorted(ACTIVE))
async def test_forced_reset_cancels_first(world: World, client: Client, phase: Phase) -> None:
    run = await world.started(client)
    if phase is not run.phase:
        await world.ended(run, phase)
    engine = asyncio.create_task(_engine(world, run))
    answer = await client.post("/pedidos/reset?force=true")
    await engine
    assert answer.status_code == 200
    assert (await client.get("/pedidos")).json()["phase"] == "IDLE"


async def test_forced_reset_of_a_run_that_does_not_drain_is_409(
    world: World, client: Client
) -> None:
    run = await world.started(client)
    answer = await client.post("/pedidos/reset?force=true")
    assert (answer.status_code, answer.json()["runId"]) == (409, run.scope)


async def test_reset_keeps_a_closed_queue_closed(world: World, client: Client) -> None:
    await client.post("/pedidos/queue/close")
    assert (await client.post("/pedidos/reset")).json()["queueState"] == "closed"
