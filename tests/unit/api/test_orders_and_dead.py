"""Orders, exports, dead letters and redrive."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Any
from uuid import UUID

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, Failed, JobStatus, NewJob, Succeeded
from pedidos_common.domain.orders import Tier
from pedidos_common.domain.run_jobs import PROCESS_ORDERS
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.domain.tracing import TraceContext, parse_traceparent
from pedidos_common.ports import OrderRecord, Page
from pedidos_orchestrator.use_cases.redrive import Redriven
from tests.unit.api.world import Client, World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TIERS = [Tier.DIAMANTE, Tier.DIAMANTE, Tier.OURO, Tier.PRATA, Tier.BRONZE]


@pytest.fixture
async def run(world: World, client: Client) -> Run:
    started = await world.started(client)
    await world.with_orders(started, TIERS)
    return started


async def test_an_order_shows_its_amount_as_text(world: World, client: Client, run: Run) -> None:
    listed = (await client.get("/pedidos/orders?limit=1")).json()["items"][0]
    assert listed["valor"] == "12.30"
    assert (listed["priority"], listed["status"]) == ("VIP", "pendente")
    assert (await client.get(f"/pedidos/orders/{listed['id']}")).json() == listed


async def test_pages_join_to_the_whole(client: Client, run: Run) -> None:
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/pedidos/orders", params=query)).json()
        found += [one["id"] for one in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) == len(TIERS)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("priority=VIP", 2),
        ("tier=OURO", 1),
        ("status=pendente", 5),
        ("status=falhou", 0),
        ("cliente=cliente 4", 1),
        ("run={run}&priority=NORMAL", 3),
        ("run=01934f1e-7c00-8a1b-8c3d-4e0000000000", 0),
    ],
)
async def test_filters(client: Client, run: Run, query: str, count: int) -> None:
    answer = await client.get(f"/pedidos/orders?{query.format(run=run.scope)}")
    assert len(answer.json()["items"]) == count


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "cursor=nonsense", "status=x", "tier=x", "run=x"]
)
async def test_wrong_filters_are_422(client: Client, query: str) -> None:
    answer = await client.get(f"/pedidos/orders?{query}")
    assert answer.status_code == 422
    assert query.split("=", maxsplit=1)[0] in answer.json()["detail"]


async def test_export_as_csv(world: World, client: Client, run: Run) -> None:
    answer = await client.get(f"/pedidos/runs/{run.scope}/export")
    assert answer.headers["x-run-id"] == run.scope
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["tier"] for row in rows] == [tier.value for tier in TIERS]
    assert rows[0]["valor"] == "12.30"


async def test_export_as_ndjson(client: Client, run: Run) -> None:
    answer = await client.get(f"/pedidos/runs/{run.scope}/export?format=ndjson")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len(rows) == len(TIERS)


async def test_export_in_another_format_is_422(client: Client, run: Run) -> None:
    assert (await client.get(f"/pedidos/runs/{run.scope}/export?format=xml")).status_code == 422


async def test_dead_orders_are_listed_with_their_reason(
    world: World, client: Client, run: Run
) -> None:
    dead = (await client.get("/pedidos/orders?limit=2")).json()["items"]
    await _kill(world, dead)
    listed = (await client.get(f"/pedidos/dead?run={run.scope}")).json()
    assert [one["error"] for one in listed["orders"]["items"]] == ["no such address"] * 2
    assert listed["jobs"]["items"] == []


async def _kill(world: World, listed: list[dict[str, Any]]) -> None:
    await world.kill([UUID(one["id"]) for one in listed])


async def test_redrive_all_revives_each_dead_order_into_one_job(
    world: World, client: Client, run: Run
) -> None:
    everything = (await client.get("/pedidos/orders")).json()["items"]
    await _kill(world, everything[1:4])
    traced = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    answer = await client.post("/pedidos/dead/redrive", json={"all": True}, headers=traced)
    assert answer.status_code == 202
    assert (answer.json()["orders"], len(answer.json()["redriveJobs"])) == (3, 1)
    job = await world.job(answer.json()["redriveJobs"][0])
    assert job.trace is not None
    assert job.trace.startswith(f"00-{TRACE}-")
    assert job.trace.endswith("-01")
    assert (job.function, job.scope) == (PROCESS_ORDERS, None)
    assert job.payload["orderIds"] == [one["id"] for one in everything[1:4]]
    assert await world.transport.depth("orders") == 1
    pending = (await client.get("/pedidos/orders?status=pendente")).json()["items"]
    assert len(pending) == 5


async def test_redrives_at_once_send_each_order_once(
    world: World, client: Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _kill(world, (await client.get("/pedidos/orders")).json()["items"])
    looking, page = 0, world.orders.page

    async def slow_page(*wanted: Any) -> Page[OrderRecord]:
        """Answers once all three have looked, or when it is plain that they take turns."""
        nonlocal looking
        looking, found = looking + 1, await page(*wanted)
        for _ in range(100):
            if looking < 3:
                await asyncio.sleep(0)
        return found

    monkeypatch.setattr(world.orders, "page", slow_page)
    posts = (client.post("/pedidos/dead/redrive", json={"all": True}) for _ in range(3))
    answers = await asyncio.gather(*posts)
    assert sorted(answer.json()["orders"] for answer in answers) == [0, 0, 5]
    assert sum(len(answer.json()["redriveJobs"]) for answer in answers) == 1


async def test_redrive_by_id_leaves_living_orders_alone(
    world: World, client: Client, run: Run
) -> None:
    everything = (await client.get("/pedidos/orders")).json()["items"]
    await _kill(world, everything[:1])
    ids = [one["id"] for one in everything]
    answer = await client.post("/pedidos/dead/redrive", json={"orderIds": ids})
    assert answer.json()["orders"] == 1
    again = await client.post("/pedidos/dead/redrive", json={"orderIds": ids})
    assert again.json() == {"orders": 0, "jobs": 0, "redriveJobs": []}
    nobody = {"orderIds": ["01934f1e-7c00-8a1b-8c3d-4e0000000001"]}
    assert (await client.post("/pedidos/dead/redrive", json=nobody)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": False},
        {"orderIds": []},
        {"all": True, "orderIds": ["01934f1e-7c00-8a1b-8c3d-4e0000000001"]},
        {"orderIds": ["x"]},
        {"orderIds": "x"},
        {"jobIds": [""]},
        {"everything": True},
        {"all": "yes"},
        [],
    ],
)
async def test_wrong_redrives_are_422(client: Client, body: Any) -> None:
    assert (await client.post("/pedidos/dead/redrive", json=body)).status_code == 422


async def _failed_job(
    world: World, job_id: str, scope: str | None, function: str = "notify"
) -> None:
    new = NewJob(job_id, function, "notifications", Band.LOW, {"to": "x"}, scope=scope)
    await world.ledger.create([new])
    job = await world.claimed(job_id)
    assert await world.ledger.settle(job, Failed("no route"))


async def test_a_failed_job_is_copied_once(world: World, client: Client) -> None:
    await _failed_job(world, "notify:1", None)
    first = await client.post("/pedidos/dead/redrive", json={"jobIds": ["notify:1"]})
    again = await client.post("/pedidos/dead/redrive", json={"all": True})
    assert first.json()["jobs"] == 1
    assert first.json()["redriveJobs"] == again.json()["redriveJobs"]
    copy = await world.job(first.json()["redriveJobs"][0])
    assert (copy.function, copy.queue, copy.payload) == ("notify", "notifications", {"to": "x"})


async def test_a_failed_job_of_a_run_is_not_sent_again_alone(
    world: World, client: Client, run: Run
) -> None:
    await _failed_job(world, f"{run.scope}:chunk:000000", run.scope)
    wanted = {"jobIds": [f"{run.scope}:chunk:000000"]}
    answer = await client.post("/pedidos/dead/redrive", json=wanted)
    assert (answer.status_code, "resume the run" in answer.json()["detail"]) == (409, True)
    assert (await client.post("/pedidos/dead/redrive", json={"all": True})).json()["jobs"] == 0


async def test_redrive_of_an_unknown_or_living_job(world: World, client: Client) -> None:
    await world.ledger.create([NewJob("alive", "notify", "notifications", Band.LOW, {})])
    unknown = await client.post("/pedidos/dead/redrive", json={"jobIds": ["nobody"]})
    alive = await client.post("/pedidos/dead/redrive", json={"jobIds": ["alive"]})
    assert (unknown.status_code, alive.status_code) == (404, 409)


async def test_a_redrive_stands_though_its_rings_are_lost(
    world: World, client: Client, run: Run
) -> None:
    orders = (await client.get("/pedidos/orders")).json()["items"]
    dead = UUID(orders[0]["id"])
    await world.kill([dead])
    world.transport.down = Unavailable("Redis is away")
    answer = await client.post("/pedidos/dead/redrive", json={"orderIds": [str(dead)]})
    assert answer.status_code == 202, answer.text
    record = await world.orders.get(dead)
    assert record is not None
    assert record.status == "pendente"
    (job_id,) = answer.json()["redriveJobs"]
    assert (await world.job(job_id)).status is JobStatus.QUEUED


async def test_erase_replaces_the_name(world: World, client: Client, run: Run) -> None:
    answer = await client.post("/pedidos/customers/erase", json={"cliente": "cliente 2"})
    assert answer.json() == {"orders": 1, "checkouts": 0, "placedOrders": 0}
    assert (await client.get("/pedidos/orders?cliente=cliente 2")).json()["items"] == []
    assert (await client.post("/pedidos/customers/erase", json={})).status_code == 422


async def test_clean_deletes_final_records_of_runs_that_are_done(
    world: World, client: Client, run: Run
) -> None:
    job_id = f"{run.scope}:chunk:000000"
    await world.ledger.create([NewJob(job_id, "f", "generation", Band.NORMAL, {}, scope=run.scope)])
    job = await world.claimed(job_id)
    await world.ledger.settle(job, Succeeded())
    kept = await client.post("/pedidos/queue/clean?state=completed")
    assert kept.json() == {"state": "completed", "removed": 0, "purgedRings": 0}
    await world.ended(run, Phase.DONE)
    gone = await client.post("/pedidos/queue/clean?state=completed")
    assert gone.json()["removed"] == 1


async def test_clean_cancels_what_waits_for_runs_that_are_over(
    world: World, client: Client, run: Run
) -> None:
    new = NewJob(f"{run.scope}:chunk:000001", "f", "generation", Band.NORMAL, {}, scope=run.scope)
    await world.transport.ring(await world.ledger.create([new]))
    kept = (await client.post("/pedidos/queue/clean?state=wait")).json()
    assert (kept["removed"], kept["purgedRings"]) == (0, 1)
    await world.ended(run, Phase.ERROR)
    assert (await client.post("/pedidos/queue/clean?state=wait")).json()["removed"] == 1


def test_of_the_jobs_of_a_large_redrive_a_few_are_in_its_trace() -> None:
    done = Redriven(TraceContext(TRACE, "00f067aa0ba902b7"))
    traces = [parse_traceparent(done.trace()) for _ in range(100)]
    assert [one.sampled for one in traces if one] == [True] * 8 + [False] * 92
    assert Redriven().trace() is None
