"""Each queue by itself: health, listings, states, and dead letters by group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from pedidos_common.domain.jobs import Band, Failed, NewJob, Outcome, Retry, Succeeded
from pedidos_common.domain.queues import CHECKOUT_QUEUES, DEFAULTS, INVENTORY, ORDERS, QueueTable
from pedidos_common.ports import ProcessReport
from tests.unit.api.world import Client, World

HEALTH = "/api/health/queues"
DEAD = f"/api/queues/{INVENTORY}/dead-letters"
SMALL = replace(DEFAULTS[INVENTORY], refuse_above=2, keep_failed=3)


@pytest.fixture
def world() -> World:
    found = World()
    found.settings = replace(found.settings, notice_seconds=0.0)
    return found


def serve(world: World, *queues: str) -> None:
    world.processes.seen(ProcessReport("w", "worker", "host", 1, queues or tuple(DEFAULTS)))


async def add(
    world: World, name: str, outcome: Outcome | None = None, queue: str = INVENTORY
) -> str:
    job_id = f"co_{name}:stock"
    await world.ledger.create([NewJob(job_id, "reserve-stock", queue, Band.HIGH, {})])
    if outcome is not None:
        await world.ledger.settle(await world.claimed(job_id), outcome)
    return job_id


async def health(client: Client, status: int) -> dict[str, dict[str, Any]]:
    answer = await client.get(HEALTH)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == ("healthy" if status == 200 else "unhealthy")
    return {queue["queue"]: queue for queue in answer.json()["queues"]}


# --- health


async def test_a_stack_without_checkout_is_healthy_without_its_workers(client: Client) -> None:
    found = await health(client, 200)
    assert list(found) == list(DEFAULTS)
    assert found[INVENTORY]["workers"] == 0


async def test_each_queue_tells_how_it_stands(world: World, client: Client) -> None:
    serve(world)
    await add(world, "done", Succeeded())
    await add(world, "later", Retry("x", 9.0))
    await add(world, "dead", Failed("x"))
    await add(world, "waits")
    world.clock.advance(2.5)
    serve(world)
    found = (await health(client, 200))[INVENTORY]
    names = ("waiting", "active", "delayed", "completed", "failed", "workers", "oldestAgeMs")
    assert [found[name] for name in names] == [1, 0, 1, 1, 1, 1, 2_500]
    assert (found["state"], found["reasons"]) == ("running", [])


async def test_with_checkout_each_of_its_queues_must_be_served(world: World) -> None:
    async with world.client_of(world.app(payment_url="http://provider")) as client:
        found = await health(client, 503)
        assert {name for name in found if found[name]["unserved"]} == set(CHECKOUT_QUEUES)
        serve(world, *CHECKOUT_QUEUES)
        await health(client, 200)


async def test_work_that_nobody_takes_is_told(world: World, client: Client) -> None:
    await add(world, "waits")
    found = (await health(client, 503))[INVENTORY]
    assert found["unserved"]
    assert "start a worker" in found["reasons"][0]
    serve(world, ORDERS)
    await health(client, 503)
    serve(world, INVENTORY)
    await health(client, 200)


async def test_a_queue_that_is_over_its_limit_is_told(world: World) -> None:
    serve(world)
    world.deps = replace(world.deps, table=QueueTable({**DEFAULTS, INVENTORY: SMALL}))
    async with world.client_of(world.app()) as client:
        for name in ("a", "b"):
            await add(world, name)
        assert not (await health(client, 200))[INVENTORY]["overLimit"]
        await add(world, "c")
        assert (await health(client, 503))[INVENTORY]["overLimit"]


async def test_a_job_that_waits_too_long_is_told_but_not_while_it_is_held(
    world: World, client: Client
) -> None:
    await add(world, "waits")
    world.clock.advance(301)
    serve(world)
    assert (await health(client, 503))[INVENTORY]["stuck"]
    await client.post(f"/api/queues/{INVENTORY}/pause")
    assert (await health(client, 200))[INVENTORY]["state"] == "paused"
    await client.post(f"/api/queues/{INVENTORY}/drain")
    assert (await health(client, 503))[INVENTORY]["state"] == "draining"
    await client.post("/pedidos/queue/pause")
    assert (await health(client, 200))[INVENTORY]["state"] == "paused"


async def test_orders_that_a_run_queued_ahead_may_wait_while_others_are_at_work(
    world: World, client: Client
) -> None:
    first, _ = await add(world, "a", queue=ORDERS), await add(world, "b", queue=ORDERS)
    world.clock.advance(301)
    serve(world)
    assert (await health(client, 503))[ORDERS]["stuck"]
    await world.claimed(first)
    await health(client, 200)


# --- queues and their jobs


async def test_a_queue_tells_its_policy(client: Client) -> None:
    found = (await client.get("/api/queues/payment-processing")).json()
    policy = found["policy"]
    assert (found["queue"], found["waiting"]) == ("payment-processing", 0)
    assert (policy["jobsAtOnce"], policy["refuseAbove"], policy["maxAttempts"]) == (3, 20_000, 5)
    answer = (await client.get("/api/queues")).json()
    listed = answer["queues"]
    assert answer["checkout"] is False
    assert found in listed
    assert [queue["queue"] for queue in listed] == list(DEFAULTS)


async def test_the_newest_jobs_are_listed_and_all_can_be_reached(world: World) -> None:
    world.deps = replace(world.deps, table=QueueTable({**DEFAULTS, INVENTORY: SMALL}))
    ids = [await add(world, name, Failed("x")) for name in ("z", "a", "m", "b")]
    async with world.client_of(world.app()) as client:
        path = f"/api/queues/{INVENTORY}/jobs"
        page = (await client.get(path, params={"status": "failed"})).json()
        assert [job["id"] for job in page["items"]] == ids[:0:-1]
        rest = await client.get(path, params={"status": "failed", "cursor": page["cursor"]})
        assert [job["id"] for job in rest.json()["items"]] == ids[:1]
        assert rest.json()["cursor"] is None
        more = await client.get(path, params={"status": "failed", "limit": 1_000})
        assert len(more.json()["items"]) == 4
        assert (await client.get(path)).json() == {"items": [], "cursor": None}
        assert (await client.get(path, params={"cursor": "9"})).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/jobs"),
        ("GET", "/dead-letters"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/drain"),
        ("POST", "/dead-letters/3f1c0a9b5d7e2468/redrive"),
    ],
)
async def test_a_queue_that_is_not_there_is_404(client: Client, method: str, path: str) -> None:
    answer = await client.request(method, f"/api/queues/nowhere{path}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no queue has the id nowhere"


async def test_one_queue_is_held_and_others_go_on(world: World, client: Client) -> None:
    for verb, state in (("pause", "paused"), ("drain", "draining"), ("resume", "running")):
        answer = await client.post(f"/api/queues/{INVENTORY}/{verb}")
        assert answer.json() == {"queue": INVENTORY, "state": state}
        states = await world.queue_state.read_all()
        assert (states.of(INVENTORY), states.of(ORDERS)) == (state, "running")


async def test_what_is_known_of_queues_is_shared_but_a_change_is_seen_at_once(
    world: World,
) -> None:
    async with world.client_of(world.app(counts_seconds=60.0)) as client:
        path = f"/api/queues/{INVENTORY}"
        assert (await client.get(path)).json()["waiting"] == 0
        job_id = await add(world, "a", Failed("x"))
        assert (await client.get(path)).json()["failed"] == 0, "one look serves many"
        await client.post(f"{path}/pause")
        found = (await client.get(path)).json()
        assert (found["state"], found["failed"]) == ("paused", 1)
        key = (await client.get(DEAD)).json()["groups"][0]["fingerprint"]
        await client.post(f"{DEAD}/{key}/redrive")
        assert (await client.get(path)).json()["waiting"] == 1, job_id


# --- dead letters


async def test_dead_letters_are_grouped_by_what_they_have_in_common(
    world: World, client: Client
) -> None:
    for n in range(3):
        await add(world, f"a{n}", Failed(f"no answer of 10.0.0.{n} within {n}.5 s"))
        world.clock.advance(1)
    await add(world, "b", Failed("card declined"))
    found = (await client.get(DEAD)).json()
    assert (found["lookedAt"], found["complete"]) == (4, True)
    large, small = found["groups"]
    assert (large["count"], large["function"]) == (3, "reserve-stock")
    assert large["error"] == "no answer of 10.0.0.2 within 2.5 s", "the newest one's"
    assert large["first"] < large["last"]
    assert (small["count"], small["error"]) == (1, "card declined")


async def test_a_group_is_sent_again_as_itself_bit_by_bit(world: World, client: Client) -> None:
    ids = [await add(world, f"a{n}", Failed(f"no answer within {n} s")) for n in range(5)]
    other = await add(world, "b", Failed("card declined"))
    key = (await client.get(DEAD)).json()["groups"][0]["fingerprint"]
    path = f"{DEAD}/{key}/redrive"
    first = await client.post(path, json={"limit": 2})
    assert first.status_code == 202
    assert (first.json()["redriven"], first.json()["left"]) == (2, 3)
    assert [(await world.job(one)).status for one in ids] == ["queued"] * 2 + ["failed"] * 3
    assert (await world.job(ids[0])).attempts == 0
    rest = await client.post(path)
    assert (rest.json()["redriven"], rest.json()["left"]) == (3, 0)
    assert (await client.post(path)).status_code == 404, "none of it is dead any more"
    assert (await world.job(other)).status == "failed"
    assert await world.transport.depth(INVENTORY) == 5


async def test_jobs_of_runs_are_sent_again_as_orders(world: World, client: Client) -> None:
    await add(world, "a", Failed("x"), queue=ORDERS)
    (group,) = (await client.get("/api/queues/orders/dead-letters")).json()["groups"]
    answer = await client.post(f"/api/queues/orders/dead-letters/{group['fingerprint']}/redrive")
    assert answer.status_code == 409
    assert "/pedidos/dead/redrive" in answer.json()["detail"]


async def test_an_unknown_fingerprint_is_404(client: Client) -> None:
    answer = await client.post(f"{DEAD}/feedfeedfeedfeed/redrive")
    assert answer.status_code == 404
    assert DEAD in answer.json()["detail"]


async def test_more_failures_than_are_looked_at_are_told(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "pedidos_orchestrator.use_cases.dead_letters"
    monkeypatch.setattr(f"{module}.LOOKED_AT_MOST", 4)
    monkeypatch.setattr(f"{module}.PAGE_SIZE", 2)
    for n in range(5):
        await add(world, f"a{n}", Failed("x"))
    found = (await client.get(DEAD)).json()
    assert (found["lookedAt"], found["complete"], found["groups"][0]["count"]) == (4, False, 4)


async def test_a_job_of_checkout_is_not_sent_again_as_one_of_a_run(
    world: World, client: Client
) -> None:
    new = NewJob("co_a:stock", "reserve-stock", INVENTORY, Band.HIGH, {}, scope="co_a")
    await world.ledger.create([new])
    await world.ledger.settle(await world.claimed(new.id), Failed("x"))
    answer = await client.post("/pedidos/dead/redrive", json={"jobIds": [new.id]})
    assert answer.status_code == 409
    assert DEAD in answer.json()["detail"]


async def test_a_jobs_creation_is_told_as_it_is_known_to_the_second(
    world: World, client: Client
) -> None:
    world.clock.advance(0.061)
    await add(world, "one")
    (job,) = (await client.get(f"/api/queues/{INVENTORY}/jobs")).json()["items"]
    assert job["createdAt"] == "2025-01-02T03:04:05Z"
