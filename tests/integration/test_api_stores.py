"""The API on real stores: races, imports, dead letters, and servers that are away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from pedidos_common.adapters.mongo import client as mongo
from pedidos_common.adapters.redis import client as redis
from pedidos_common.domain.ids import OrderRange, order_id
from pedidos_common.domain.orders import OrderFailure
from pedidos_common.domain.runs import Phase
from pedidos_common.ports import LogLine, OrderFilter
from pedidos_common.runtime.connections import Connections
from pedidos_orchestrator.deps import Deps
from tests.contract.test_order_store import chunk
from tests.integration.api_server import app_on, deps_on, real_deps, served
from tests.servers import free_port

FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
CSV = b"cliente,valor,pedido\nAna,10.00,1\nBia,20.50,2\nCaio,abc,3\nAna,1.00,1\n"


@pytest.fixture
async def deps(request: pytest.FixtureRequest) -> AsyncIterator[Deps]:
    async with real_deps(request) as found:
        yield found


def client_of(deps: Deps, **settings: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_on(deps, **settings), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://pedidos", timeout=60)


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(deps) as found:
        yield found


async def _run_with_orders(deps: Deps, client: httpx.AsyncClient) -> UUID:
    answer = await client.post("/pedidos/generate?quantity=6&seed=1")
    run_id = UUID(answer.json()["runId"])
    await deps.orders.insert_chunk(chunk(run_id), redelivered=False)
    return run_id


async def test_of_twenty_starts_over_two_replicas_one_wins(deps: Deps) -> None:
    async with client_of(deps) as one, client_of(deps) as other:
        posts = [
            client.post("/pedidos/generate?quantity=5")
            for _ in range(10)
            for client in (one, other)
        ]
        answers = await asyncio.gather(*posts)
        codes = sorted(answer.status_code for answer in answers)
        winner = next(answer for answer in answers if answer.status_code == 202).json()["runId"]
        assert codes == [202] + [409] * 19
        assert (await other.get("/pedidos")).json()["lastRunId"] == winner


async def test_orders_in_pages_exports_and_history(deps: Deps, client: httpx.AsyncClient) -> None:
    run_id = await _run_with_orders(deps, client)
    first = (await client.get(f"/pedidos/orders?run={run_id}&limit=4")).json()
    query = {"run": str(run_id), "limit": 4, "cursor": first["cursor"]}
    rest = (await client.get("/pedidos/orders", params=query)).json()
    assert len(first["items"]) + len(rest["items"]) == 6
    assert (await client.get("/pedidos/orders?cursor=nonsense")).status_code == 422
    export = await client.get(f"/pedidos/runs/{run_id}/export?format=ndjson")
    assert len(export.text.splitlines()) == 6
    assert (await client.get("/pedidos/runs")).json()["items"][0]["runId"] == str(run_id)


async def test_redrive_creates_a_job_that_is_rung(deps: Deps, client: httpx.AsyncClient) -> None:
    run_id = await _run_with_orders(deps, client)
    dead = [OrderFailure(order_id(run_id, n), "$no route", final=True) for n in (2, 5)]
    await deps.orders.mark_failures(dead, FOREVER)
    listed = (await client.get("/pedidos/dead")).json()["orders"]["items"]
    assert [one["error"] for one in listed] == ["$no route"] * 2
    answer = (await client.post("/pedidos/dead/redrive", json={"all": True})).json()
    assert answer["orders"] == 2
    assert await deps.transport.depth("orders") == 1
    job = (await client.get(f"/pedidos/queue/jobs/{answer['redriveJobs'][0]}")).json()
    assert job["payload"]["orderIds"] == [str(order_id(run_id, n)) for n in (2, 5)]
    waiting = await deps.orders.page(OrderFilter(status="pendente"), 10, None)
    assert len(waiting.items) == 6
    # the run's own account stays by first final state
    counts = await deps.orders.count(OrderRange(run_id, 1, 6))
    assert (counts.pendente, counts.falhou) == (4, 2)


async def test_an_import_is_staged_and_started(deps: Deps, client: httpx.AsyncClient) -> None:
    headers = {"content-type": "text/csv"}
    answer = await client.post("/pedidos/import", content=CSV, headers=headers)
    assert answer.status_code == 202, answer.text
    report = answer.json()["import"]
    assert (report["accepted"], report["rejected"]) == (2, 2)
    stored = await client.get(f"/pedidos/imports/{report['id']}")
    assert stored.json() == report
    again = await client.post("/pedidos/import", content=CSV, headers=headers)
    assert again.status_code == 409


async def test_reset_wipes_the_stores(deps: Deps, client: httpx.AsyncClient) -> None:
    run_id = await _run_with_orders(deps, client)
    refused = await client.post("/pedidos/reset")
    assert (refused.status_code, refused.json()["runId"]) == (409, str(run_id))
    run = await deps.runs.get(run_id)
    assert run is not None
    await deps.runs.move(run, Phase.DONE, 1)
    wiped = (await client.post("/pedidos/reset")).json()
    assert (wiped["deletedOrders"], wiped["queueState"]) == (6, "running")
    assert (await client.get("/pedidos")).json()["phase"] == "IDLE"
    assert (await client.get(f"/pedidos/runs/{run_id}")).json()["phase"] == "DONE"


async def test_pause_holds_over_a_restart(deps: Deps, client: httpx.AsyncClient) -> None:
    await client.post("/pedidos/queue/pause")
    async with client_of(deps) as restarted:
        assert (await restarted.get("/pedidos")).json()["queueState"] == "paused"


async def test_logs_and_health(deps: Deps, client: httpx.AsyncClient) -> None:
    await deps.logs.append([LogLine("worker", "info", '{"event": "batch_processed"}')])
    lines = (await client.get("/pedidos/logs?service=worker")).json()["lines"]
    assert lines == [{"event": "batch_processed"}]
    health = (await client.get("/pedidos/health/queue")).json()
    assert (health["status"], health["redis"]["ok"]) == ("healthy", True)
    assert (await client.get("/readyz")).json() == {"mongo": True, "redis": True}


@pytest.fixture
async def nowhere() -> AsyncIterator[Deps]:
    """Ports on servers that are not there."""
    mongo_client = mongo.connect(f"mongodb://127.0.0.1:{free_port()}", "api")
    redis_client = redis.connect(f"redis://127.0.0.1:{free_port()}/0")
    database = mongo.durable(mongo_client, "nowhere")
    yield deps_on(Connections(mongo_client, database, redis_client, "t:"))
    await redis_client.aclose()
    await mongo_client.close()


async def test_without_servers_the_process_lives_and_says_so(nowhere: Deps) -> None:
    async with served(app_on(nowhere)) as api, httpx.AsyncClient(base_url=api.url) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz", timeout=10)
        assert ready.status_code == 503
        assert (ready.json()["mongo"], ready.json()["redis"]) == (False, False)
        status = await client.get("/pedidos", timeout=10)
        assert status.status_code == 503
        assert "retry-after" in status.headers


async def test_without_redis_what_mongodb_knows_is_still_shown(deps: Deps, nowhere: Deps) -> None:
    half = replace(deps, transport=nowhere.transport, events=nowhere.events, logs=nowhere.logs)
    async with client_of(half) as client:
        assert (await client.get("/pedidos")).status_code == 200
        assert (await client.get("/pedidos/queue/status")).json()["rings"]["orders"] is None
        assert (await client.get("/pedidos/logs")).status_code == 503
        assert (await client.post("/pedidos/generate?quantity=5")).status_code == 202
