"""Queue controls, health, logs, probes, and the history of runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, Failed, NewJob, Retry
from pedidos_common.domain.orders import Tier
from pedidos_common.domain.room import Room, Store
from pedidos_common.domain.runs import Phase
from pedidos_common.ports import LogLine, ProcessReport
from tests.unit.api.world import Client, World

EPOCH = 1


def _alive(world: World) -> None:
    world.processes.seen(ProcessReport("g", "generator", "h", 1, ("generation",), 2, 0))
    world.processes.seen(ProcessReport("w", "worker", "h", 2, ("orders", "notifications"), 25, 1))


@pytest.mark.parametrize(
    ("action", "state"), [("pause", "paused"), ("close", "closed"), ("resume", "running")]
)
async def test_queue_controls_are_seen_at_once(client: Client, action: str, state: str) -> None:
    assert (await client.post(f"/pedidos/queue/{action}")).json() == {"state": state}
    assert (await client.get("/pedidos")).json()["queueState"] == state
    assert (await client.get("/pedidos/queue/status")).json()["state"] == state


@pytest.mark.parametrize("action", ["pause", "close"])
async def test_while_nothing_may_move_there_is_no_estimate(
    world: World, client: Client, action: str
) -> None:
    lane = {"expected": 5, "processed": 2, "failed": 0, "start": None, "end": None, "speed": 2.0}
    live = {"generated": 10, "generationMs": 1000, "vip": lane, "normal": lane}
    run = await world.started(client)
    await world.ended(run, Phase.WAITING_NORMAL_DRAIN)
    await world.runs.project(run.id, live, EPOCH)
    await client.post("/pedidos/queue/resume")
    assert (await client.get("/pedidos")).json()["eta"]["estimatedMs"] == 3000
    await client.post(f"/pedidos/queue/{action}")
    eta = (await client.get("/pedidos")).json()["eta"]
    assert eta == {"estimatedMs": None, "progressPercent": 70.0}


async def test_jobs_by_type_in_pages(world: World, client: Client) -> None:
    jobs = [NewJob(f"a:{n}", "f", "orders", Band.HIGH, {"n": n}) for n in range(5)]
    await world.ledger.create(jobs)
    await world.claimed("a:0")
    waiting = (await client.get("/pedidos/queue/jobs?types=waiting&limit=3")).json()
    assert [job["id"] for job in waiting["items"]] == ["a:4", "a:3", "a:2"]
    rest = await client.get(
        "/pedidos/queue/jobs", params={"types": "waiting", "cursor": waiting["cursor"]}
    )
    assert [job["id"] for job in rest.json()["items"]] == ["a:1"]
    active = (await client.get("/pedidos/queue/jobs?types=active,failed")).json()["items"]
    assert [(job["id"], job["worker"], job["band"]) for job in active] == [("a:0", "w", "HIGH")]


@pytest.mark.parametrize("types", ["", "waiting,nope", ","])
async def test_unknown_types_are_422_with_the_known_ones(client: Client, types: str) -> None:
    answer = await client.get("/pedidos/queue/jobs", params={"types": types})
    assert answer.status_code == 422
    assert "waiting,active,delayed" in answer.json()["detail"]


async def test_one_job_even_with_a_slash_in_its_id(world: World, client: Client) -> None:
    await world.ledger.create([NewJob("r:vip:0:1/0", "f", "orders", Band.HIGH, {})])
    assert (await client.get("/pedidos/queue/jobs/r:vip:0:1/0")).json()["id"] == "r:vip:0:1/0"
    assert (await client.get("/pedidos/queue/jobs/nobody")).status_code == 404


async def test_counts_survive_an_absent_broker(world: World, client: Client) -> None:
    world.transport.down = Unavailable("no Redis")
    answer = await client.get("/pedidos/queue/status")
    assert answer.status_code == 200
    assert answer.json()["rings"]["orders"] is None


async def _health(client: Client) -> dict[str, Any]:
    answer = await client.get("/pedidos/health/queue")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_idle_is_healthy(client: Client) -> None:
    found = await _health(client)
    assert (found["status"], found["isStuck"], found["warnings"]) == ("healthy", False, [])


async def test_work_without_workers_is_degraded(world: World, client: Client) -> None:
    await world.started(client)
    assert (await _health(client))["status"] == "degraded"
    _alive(world)
    found = await _health(client)
    assert (found["status"], found["generating"]) == ("healthy", True)
    assert [worker["name"] for worker in found["workers"]] == ["g", "w"]


async def test_work_of_a_queue_asks_for_who_takes_that_queue_alone(
    world: World, client: Client
) -> None:
    """Jobs of a checkout, where workers of their own do them."""
    await world.ledger.create([NewJob("co_a:payment", "f", "payment-processing", Band.HIGH, {})])
    [warning] = (await _health(client))["warnings"]
    assert "no live worker takes jobs of queue 'payment-processing'" in warning
    queues = ("payment-processing", "inventory")
    world.processes.seen(ProcessReport("w", "worker", "h", 2, queues, 25, 1))
    found = await _health(client)
    assert (found["status"], found["warnings"], found["waiting"]) == ("healthy", [], 1)


async def test_a_silent_run_is_stuck_but_not_while_paused(world: World, client: Client) -> None:
    run = await world.started(client)
    await world.runs.project(run.id, {"stalledMs": 61_000}, EPOCH)
    _alive(world)
    found = await _health(client)
    assert (found["status"], found["isStuck"]) == ("error", True)
    await client.post("/pedidos/queue/pause")
    found = await _health(client)
    assert (found["status"], found["isStuck"]) == ("paused", False)


async def test_a_slow_batch_whose_lease_is_renewed_is_not_stuck(
    world: World, client: Client
) -> None:
    run = await world.started(client)
    await world.ledger.create([NewJob(f"{run.scope}:vip:0:0", "f", "orders", Band.HIGH, {})])
    job = await world.ledger.claim(f"{run.scope}:vip:0:0", "w")
    assert job is not None
    assert job.lease is not None
    await world.runs.project(run.id, {"stalledMs": 61_000}, EPOCH)
    world.clock.advance(9)
    world.ledger.extend({job.lease.id: job.id})
    assert (await _health(client))["isStuck"] is False


async def test_a_run_whose_engine_is_silent_is_stuck(world: World, client: Client) -> None:
    await world.started(client)
    world.clock.advance(61)
    assert (await _health(client))["isStuck"] is True


async def test_work_outside_a_run_is_stuck_when_nobody_takes_it(
    world: World, client: Client
) -> None:
    """A redrive's jobs, whose run is over and whose worker hangs."""
    await world.ended(await world.started(client))
    await world.ledger.create([NewJob("redrive:1", "f", "orders", Band.LOW, {})])
    _alive(world)
    assert (await _health(client))["isStuck"] is False
    world.clock.advance(61)
    found = await _health(client)
    assert (found["status"], found["isStuck"]) == ("error", True)
    await client.post("/pedidos/queue/pause")
    assert (await _health(client))["isStuck"] is False


async def test_work_that_no_live_worker_understands_is_told_and_at_last_stuck(
    world: World, client: Client
) -> None:
    """As in a deploy that stopped half-way: workers take it again and again, and hand it back."""
    await world.ledger.create(
        [NewJob("webhook:1", "f", "notifications", Band.LOW, {}, payload_version=2)]
    )
    for _ in range(12):
        await world.ledger.settle(
            await world.claimed("webhook:1"), Retry("of a newer release", 5, refused=True)
        )
        _alive(world)
        found = await _health(client)
        assert (found["status"], found["isStuck"]) == ("degraded", False)
        assert "f (payload version 2) is handed back" in found["warnings"][0]
        assert "(of a newer release)" in found["warnings"][0]
        world.clock.advance(5)
        await world.ledger.release_due(10)
    world.clock.advance(1)
    found = await _health(client)
    assert (found["status"], found["isStuck"]) == ("error", True)


async def test_when_work_counts_as_stuck_is_a_setting(world: World) -> None:
    await world.ledger.create([NewJob("redrive:1", "f", "orders", Band.LOW, {})])
    world.clock.advance(10)
    async with world.client_of(world.app(stuck_after_ms=5_000)) as client:
        assert (await _health(client))["isStuck"] is True


async def test_a_dead_order_is_a_failure_though_its_job_did_its_work(
    world: World, client: Client
) -> None:
    run = await world.started(client)
    ids = await world.with_orders(run, [Tier.OURO])
    _alive(world)
    assert (await _health(client))["hasFailedJobs"] is False
    await world.kill(ids)
    found = await _health(client)
    assert (found["hasFailedJobs"], found["failed"], found["status"]) == (True, 0, "degraded")


@pytest.mark.parametrize(("phase", "status"), [(Phase.ABORTED, "aborted"), (Phase.ERROR, "error")])
async def test_how_the_last_run_ended(
    world: World, client: Client, phase: Phase, status: str
) -> None:
    await world.ended(await world.started(client), phase)
    found = await _health(client)
    assert (found["status"], found["aborted"]) == (status, phase is Phase.ABORTED)


async def test_failed_and_delayed_jobs_are_counted(world: World, client: Client) -> None:
    await world.ledger.create([NewJob(f"j:{n}", "f", "orders", Band.LOW, {}) for n in range(2)])
    _alive(world)
    first, second = await world.claimed("j:0"), await world.claimed("j:1")
    await world.ledger.settle(first, Failed("broken"))
    await world.ledger.settle(second, Retry("later", 5.0))
    found = await _health(client)
    assert (found["failed"], found["delayed"], found["hasFailedJobs"]) == (1, 1, True)
    assert found["status"] == "degraded"


async def test_a_redis_that_is_gone_or_evicts_is_reported(world: World) -> None:
    async def no() -> bool:
        raise OSError("refused")

    async def policy() -> str:
        return "allkeys-lru"

    world.checks["redis"] = no
    world.deps = replace(world.deps, eviction_policy=policy)
    async with world.client_of(world.app()) as client:
        found = await _health(client)
        ready = await client.get("/readyz")
    assert found["status"] == "degraded"
    assert found["redis"] == {"evictionPolicy": "allkeys-lru", "ok": False}
    assert any("noeviction" in warning for warning in found["warnings"])
    assert ready.status_code == 503
    assert ready.headers["content-type"] == "application/problem+json"
    problem = ready.json()
    assert (problem["type"], problem["status"]) == ("/problems/not-ready", 503)
    assert (problem["mongo"], problem["redis"]) == (True, False)
    assert "redis" in problem["detail"]


async def test_a_server_that_is_nearly_full_is_reported(world: World) -> None:
    async def look() -> list[Room]:
        return [Room(Store.REDIS_MEMORY, 85, 100), Room(Store.MONGO_DISK, 89, 100)]

    world.deps = replace(world.deps, room=look)
    async with world.client_of(world.app()) as client:
        found = await _health(client)
    assert found["status"] == "degraded"
    assert [one["nearlyFull"] for one in found["room"]] == [True, False]
    assert found["warnings"] == [Room(Store.REDIS_MEMORY, 85, 100).advice()]


async def test_a_part_that_hangs_makes_the_process_count_as_dead(world: World) -> None:
    world.deps = replace(world.deps, stuck=lambda: ["engine"])
    async with world.client_of(world.app()) as client:
        answer = await client.get("/healthz")
    problem = answer.json()
    assert (answer.status_code, problem["stuck"]) == (503, ["engine"])
    assert "engine" in problem["detail"]


async def test_probes(client: Client) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"mongo": True, "redis": True})


async def test_metrics_count_requests_by_route(client: Client) -> None:
    await client.get("/pedidos/runs/x")
    await client.get("/nowhere/1")
    text = (await client.get("/metrics")).text
    route = 'method="GET",route="/pedidos/runs/{runId}",status="404"'
    assert f"pedidos_http_requests_total{{{route}}} 1.0" in text
    assert 'route="unmatched"' in text
    assert "nowhere" not in text


async def test_logs_oldest_first_filtered_and_bounded(world: World, client: Client) -> None:
    for number in range(600):
        world.logs.add("worker", "info", f"event_{number}")
    world.logs.add("generator", "error", "chunk_failed")
    lines = (await client.get("/pedidos/logs")).json()["lines"]
    assert len(lines) == 500
    assert lines[-1]["event"] == "chunk_failed"
    errors = (await client.get("/pedidos/logs?level=error&service=generator")).json()["lines"]
    assert len(errors) == 1


@pytest.mark.parametrize("query", ["lines=0", "lines=10001", "lines=x", "level=loud"])
async def test_wrong_log_queries_are_422(client: Client, query: str) -> None:
    answer = await client.get(f"/pedidos/logs?{query}")
    assert answer.status_code == 422


@pytest.mark.parametrize("level", ["warning", "warn", "WARN", "Warning"])
async def test_a_log_level_has_its_usual_names(world: World, client: Client, level: str) -> None:
    world.logs.add("worker", "warning", "job_settled")
    world.logs.add("worker", "info", "progress")
    answer = await client.get(f"/pedidos/logs?level={level}")
    assert answer.status_code == 200
    assert [line["event"] for line in answer.json()["lines"]] == ["job_settled"]


async def test_a_line_that_was_cut_is_still_shown(world: World, client: Client) -> None:
    await world.logs.append([LogLine("worker", "info", '{"event": "cut')])
    assert (await client.get("/pedidos/logs")).json() == {"lines": [{"event": '{"event": "cut'}]}


async def test_without_gathering_there_are_no_logs(world: World) -> None:
    world.logs.add("worker", "info", "event")
    async with world.client_of(world.app(backend_logs=False)) as client:
        assert (await client.get("/pedidos/logs")).json() == {"lines": []}


async def test_runs_newest_first_in_pages(world: World, client: Client) -> None:
    ids = []
    for _ in range(3):
        run = await world.started(client)
        await world.ended(run, totalTimeMs=100)
        world.clock.advance(1)
        ids.append(run.scope)
    first = (await client.get("/pedidos/runs?limit=2")).json()
    assert [run["runId"] for run in first["items"]] == ids[:0:-1]
    rest = (await client.get("/pedidos/runs", params={"cursor": first["cursor"]})).json()
    assert [run["runId"] for run in rest["items"]] == ids[:1]
    assert rest["cursor"] is None


async def test_compare_two_runs(world: World, client: Client) -> None:
    slow = await world.ended(await world.started(client), totalTimeMs=200)
    world.clock.advance(1)
    quick = await world.ended(await world.started(client, 20), totalTimeMs=100)
    found = (await client.get(f"/pedidos/runs/{slow.scope}/compare/{quick.scope}")).json()
    assert found["differences"]["totalTimeMs"] == {"a": 200, "b": 100, "ratio": 0.5}
    assert found["differences"]["plan.quantity"]["ratio"] == 2.0
    assert "phase" not in found["differences"]


async def test_a_receipt_is_there_when_the_run_is_over(world: World, client: Client) -> None:
    run = await world.started(client)
    early = await client.get(f"/pedidos/runs/{run.scope}/receipt")
    counts = dict.fromkeys(("accepted", "generated", "processed"), 10)
    counts |= dict.fromkeys(("failed", "pending", "deletedByCancel", "resumes"), 0)
    await world.ended(run, receipt={**counts, "balanced": True})
    late = await client.get(f"/pedidos/runs/{run.scope}/receipt")
    assert early.status_code == 409
    assert late.json()["receipt"] == {**counts, "balanced": True}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/pedidos/runs", "cursor"),
        ("/pedidos/orders", "cursor"),
        ("/pedidos/queue/jobs", "cursor"),
        ("/pedidos/dead", "cursor"),
        ("/pedidos/dead", "jobsCursor"),
    ],
)
@pytest.mark.parametrize("text", ["zzz", "x", "01934f1e", "\u00e7", "after:"])
async def test_a_cursor_that_no_page_gave_is_422(
    client: Client, path: str, name: str, text: str
) -> None:
    answer = await client.get(path, params={name: text})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == name


async def test_dead_jobs_in_pages(world: World, client: Client) -> None:
    await world.ledger.create([NewJob(f"a:{n}", "f", "orders", Band.HIGH, {}) for n in range(3)])
    for n in range(3):
        await world.ledger.settle(await world.claimed(f"a:{n}"), Failed("broken"))
    first = (await client.get("/pedidos/dead?limit=2")).json()["jobs"]
    query = {"limit": 2, "jobsCursor": first["cursor"]}
    rest = (await client.get("/pedidos/dead", params=query)).json()["jobs"]
    assert [job["id"] for job in first["items"] + rest["items"]] == ["a:2", "a:1", "a:0"]
    assert rest["cursor"] is None


async def test_however_many_watch_the_jobs_are_counted_once(world: World) -> None:
    looks = []
    standing = world.ledger.standing

    async def counted(*wanted: Any) -> Any:
        looks.append(wanted)
        return await standing(*wanted)

    world.ledger.standing = counted  # type: ignore[method-assign, assignment]
    async with world.client_of(world.app(counts_seconds=60.0)) as client:
        for _ in range(3):
            await asyncio.gather(
                *(client.get(f"/pedidos/{what}") for what in ("health/queue", "queue/status") * 5)
            )
        [(_queues, _statuses, counted_up_to)] = looks
        assert (await client.get("/pedidos/queue/status")).json()["countedUpTo"] == counted_up_to
        assert (await _health(client))["countedUpTo"] == counted_up_to
        await world.ledger.create([NewJob("a:1", "f", "orders", Band.HIGH, {})])
        await client.post("/pedidos/queue/clean", params={"state": "completed"})
        assert (await client.get("/pedidos/queue/status")).json()["waiting"] == 1
        assert (await _health(client))["waiting"] == 1
        assert len(looks) == 2
