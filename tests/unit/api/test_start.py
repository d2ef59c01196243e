"""Starting a run, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Succeeded
from pedidos_common.domain.orders import Tier
from pedidos_common.domain.run_jobs import chunk_job
from pedidos_common.domain.runs import Phase
from tests.unit.api.world import Client, World


async def test_start_answers_with_the_run_and_freezes_its_plan(
    world: World, client: Client
) -> None:
    answer = await client.post("/pedidos/generate?quantity=25000&seed=7")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["quantity"], body["seed"], body["phase"]) == (25_000, 7, "GENERATING")
    run = await world.run(body["runId"])
    assert (run.plan.chunks, run.plan.batch_size, run.plan.seed) == (3, 1_000, 7)


async def test_start_draws_a_seed_where_none_is_given(client: Client) -> None:
    seed = (await client.post("/pedidos/generate?quantity=1")).json()["seed"]
    assert 0 <= seed < 2**53


@pytest.mark.parametrize(
    "query",
    [
        "quantity=0",
        "quantity=-5",
        "quantity=1500001",
        "quantity=" + "9" * 60,
        "quantity=muitos",
        "quantity=1.5",
        "quantity=",
        "",
    ],
)
async def test_a_wrong_quantity_is_refused_with_the_limit(client: Client, query: str) -> None:
    answer = await client.post(f"/pedidos/generate?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "quantity" in answer.json()["detail"]
    assert "from 1 to 1500000" in answer.json()["detail"]


@pytest.mark.parametrize("seed", ["-1", "x", str(2**53)])
async def test_a_wrong_seed_is_refused_with_the_limit(client: Client, seed: str) -> None:
    answer = await client.post(f"/pedidos/generate?quantity=1&seed={seed}")
    assert answer.status_code == 422
    assert "seed must be a whole number from 0 to" in answer.json()["detail"]


async def test_a_second_start_is_told_which_run_is_active(world: World, client: Client) -> None:
    run = await world.started(client)
    answer = await client.post("/pedidos/generate?quantity=5")
    assert answer.status_code == 409
    assert answer.json()["runId"] == run.scope
    assert run.scope in answer.json()["detail"]


async def test_of_twenty_starts_at_once_one_wins(client: Client) -> None:
    posts = (client.post("/pedidos/generate?quantity=5") for _ in range(20))
    answers: list[httpx.Response] = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19


async def test_a_closed_queue_takes_no_run_until_it_is_resumed(client: Client) -> None:
    await client.post("/pedidos/queue/close")
    refused = await client.post("/pedidos/generate?quantity=5")
    assert refused.status_code == 409
    assert "resume it first" in refused.json()["detail"]
    await client.post("/pedidos/queue/resume")
    assert (await client.post("/pedidos/generate?quantity=5")).status_code == 202


async def test_a_start_wakes_the_engine(world: World, client: Client) -> None:
    woken = asyncio.Event()

    async def engine() -> None:
        async for _ in world.events.listen("engine"):
            woken.set()

    listening = asyncio.create_task(engine())
    await asyncio.sleep(0)
    await client.post("/pedidos/generate?quantity=5")
    await asyncio.wait_for(woken.wait(), 5)
    listening.cancel()


async def test_an_absent_store_is_503_with_retry_after(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_args: Any) -> Any:
        raise Unavailable("mongodb://user:secret@host did not answer")

    monkeypatch.setattr(world.runs, "start", away)
    answer = await client.post("/pedidos/generate?quantity=5")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "secret" not in answer.text


async def test_an_unexpected_error_is_a_problem_with_its_trace(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: Any) -> Any:
        raise RuntimeError("a secret")

    monkeypatch.setattr(world.runs, "current", broken)
    answer = await client.get("/pedidos")
    assert answer.status_code == 500
    assert answer.json()["traceId"] == answer.headers["x-trace-id"]
    assert "secret" not in answer.text


async def test_a_trace_goes_on_into_the_run(world: World, client: Client) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = await client.post("/pedidos/generate?quantity=5", headers=headers)
    run = await world.runs.get(UUID(answer.json()["runId"]))
    assert answer.headers["x-trace-id"] == trace_id
    assert run is not None
    assert run.trace is not None
    assert trace_id in run.trace


async def test_resume_goes_on_with_a_cancelled_run(world: World, client: Client) -> None:
    run = await world.started(client)
    await world.ended(run, Phase.ABORTED, cancelled={"deletedPending": 0})
    answer = await client.post(f"/pedidos/runs/{run.scope}/resume")
    assert (answer.status_code, answer.json()["phase"]) == (202, "GENERATING")


async def test_resume_is_refused_while_orders_are_gone_or_the_run_is_done(
    world: World, client: Client
) -> None:
    run = await world.started(client)
    await world.ended(run, Phase.ABORTED, cancelled={"deletedPending": 3})
    gone = await client.post(f"/pedidos/runs/{run.scope}/resume")
    assert (gone.status_code, "3 orders" in gone.json()["detail"]) == (409, True)
    world.clock.advance(1)
    done = await world.ended(await world.started(client))
    answer = await client.post(f"/pedidos/runs/{done.scope}/resume")
    assert (answer.status_code, answer.json()["phase"]) == (409, "DONE")


@pytest.mark.parametrize("wrong", ["x", "00000000-0000-8000-8000-000000000000", "%20", "a" * 500])
@pytest.mark.parametrize("path", ["runs/{}", "runs/{}/export", "runs/{}/receipt", "orders/{}"])
async def test_unknown_and_malformed_ids_are_404(client: Client, path: str, wrong: str) -> None:
    answer = await client.get("/pedidos/" + path.format(wrong))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_run_that_lost_orders_is_not_resumed(world: World, client: Client) -> None:
    run = await world.started(client, quantity=2)
    ids = await world.with_orders(run, [Tier.OURO, Tier.BRONZE])
    await world.ledger.create([chunk_job(run, 0)])
    written = await world.claimed(chunk_job(run, 0).id)
    await world.ledger.settle(written, Succeeded({"vip": 0, "normal": 2}))
    await world.ended(run, Phase.ABORTED, cancelled={"deletedPending": 0})
    await world.orders.delete(OrderRange(run.id, 1, 1))
    answer = await client.post(f"/pedidos/runs/{run.scope}/resume")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/orders-gone")
    assert "only 1 of its 2 orders" in answer.json()["detail"]
    assert await world.runs.active() is None
    assert await world.orders.get(ids[1]) is not None


async def test_a_run_that_lost_orders_is_not_resumed_though_its_jobs_are_gone_too(
    world: World, client: Client
) -> None:
    run = await world.started(client, quantity=2)
    await world.ended(run, Phase.ERROR, live={"generated": 2})
    answer = await client.post(f"/pedidos/runs/{run.scope}/resume")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/orders-gone")


async def test_resume_of_an_unknown_run_is_404(client: Client) -> None:
    assert (await client.post("/pedidos/runs/x/resume")).status_code == 404
