"""One round of each kind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from bson import encode
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database

from bench.bare_loop import BareTask, BareTimes, run_bare_loop
from bench.measure import ProcessUse, process_use
from bench.stack import RunningServices, ServerPair, services
from pedidos_cli.audit import audit_run
from pedidos_common.domain.ids import order_id

PIPELINE_DATABASE, BARE_DATABASE = "pedidos", "bare"
ENDED = frozenset({"DONE", "ABORTED", "ERROR"})
POLL_SECONDS = 0.05
RUN_SECONDS = 1_800.0
SAMPLE_STEP = 97
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What every round does; `prebuilt` keeps building documents out of the bare loop's time."""

    quantity: int
    seed: int
    generators: int
    workers: int
    prebuilt: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """What the pipeline wrote and how, so that the bare loop can do the same.

    `created_at` is the time that the orders of each chunk carry; `digest` is over every
    `SAMPLE_STEP`-th order as it is at the end, but for when it was processed.
    """

    run_id: UUID
    plan: Mapping[str, Any]
    created_at: tuple[datetime, ...]
    options: Mapping[str, Any]
    indexes: tuple[Mapping[str, Any], ...]
    data_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class BareResult:
    """One bare loop."""

    times: BareTimes
    mongod_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """One run. `server_seconds` is start to DONE on MongoDB's clock, `outside_seconds` by ours.

    `status_p99_ms` is what 99% of `GET /pedidos` stayed below, asked 20 times a second meanwhile.
    """

    phase: str
    audit_passed: bool
    outside_seconds: float
    server_seconds: float
    phases: Mapping[str, float]
    processes: tuple[ProcessUse, ...]
    mongod_cpu_seconds: float
    status_p99_ms: float

    @property
    def well(self) -> bool:
        """Whether the run ended DONE and its audit passed."""
        return self.phase == "DONE" and self.audit_passed


def pipeline_round(
    servers: ServerPair, folder: Path, settings: Settings
) -> tuple[PipelineResult, Layout]:
    """Start the services, take one run through them, stop them."""
    with MongoClient[dict[str, Any]](servers.mongo_uri, tz_aware=True) as client:
        _clean(client)
        database = client.get_database(PIPELINE_DATABASE, codec_options=CODEC)
        with services(servers, folder, settings.generators, settings.workers) as running:
            before = _uses(running, servers)
            run_id, outside_seconds, p99_ms = timed_run(running, settings)
            after = _uses(running, servers)
            used = [now.since(then.cpu_seconds) for then, now in zip(before, after, strict=True)]
        run = database.process_runs.find_one({"_id": run_id}) or {}
        verdict = audit_run(servers.mongo_uri, PIPELINE_DATABASE, run_id)
        phases = _phase_seconds(run)
        result = PipelineResult(
            phase=run["phase"],
            audit_passed=verdict.passed,
            outside_seconds=round(outside_seconds, 3),
            server_seconds=round(sum(phases.values()), 3),
            phases=phases,
            processes=tuple(used[1:]),
            mongod_cpu_seconds=used[0].cpu_seconds,
            status_p99_ms=p99_ms,
        )
        return result, _layout(database, run)


def bare_round(servers: ServerPair, layout: Layout, settings: Settings) -> BareResult:
    """The same orders in a fresh collection of the same layout, without any service."""
    with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
        _clean(client)
        database = client.get_database(BARE_DATABASE, codec_options=CODEC)
        database.create_collection("orders", **layout.options)
        for index in layout.indexes:
            keys = list(index["key"].items())
            options = {k: v for k, v in index.items() if k not in {"key", "v", "clustered"}}
            database.orders.create_index(keys, **options)
        task = BareTask(
            mongo_uri=servers.mongo_uri,
            database=BARE_DATABASE,
            run_id=layout.run_id,
            quantity=layout.plan["quantity"],
            chunk_size=layout.plan["chunkSize"],
            batch_size=layout.plan["batchSize"],
            seed=layout.plan["seed"],
            generator_version=layout.plan["generatorVersion"],
            created_at=layout.created_at,
            prebuilt=settings.prebuilt,
        )
        before = process_use("mongod", servers.mongod_pid).cpu_seconds
        times = run_bare_loop(task)
        mongod = process_use("mongod", servers.mongod_pid).cpu_seconds - before
        _check_same(database, layout, settings.quantity)
        return BareResult(times, round(mongod, 2))


def _clean(client: MongoClient[dict[str, Any]]) -> None:
    """Neither loop pays for what the other has left dirty."""
    for name in (PIPELINE_DATABASE, BARE_DATABASE):
        client.drop_database(name)
    client.admin.command("fsync")


def _uses(running: RunningServices, servers: ServerPair) -> list[ProcessUse]:
    """MongoDB's first, then the services'."""
    services_ = (process_use(f"{p['role']} {p['index']}", p["pid"]) for p in running.processes())
    return [process_use("mongod", servers.mongod_pid), *services_]


def timed_run(running: RunningServices, settings: Settings) -> tuple[str, float, float]:
    """Takes a run from its start to its end.

    Returns:
        its id, its seconds seen from outside, and the status page's p99 in milliseconds.

    Raises:
        TimeoutError: when it is not over after `RUN_SECONDS`.
        httpx.HTTPError: when the API refuses the run, or does not answer.
    """
    answered: list[float] = []
    with httpx.Client(base_url=running.api, timeout=30.0, trust_env=False) as api:
        wanted = {"quantity": settings.quantity, "seed": settings.seed}
        start = time.perf_counter()
        run_id = api.post("/pedidos/generate", params=wanted).raise_for_status().json()["runId"]
        while time.perf_counter() - start < RUN_SECONDS:
            asked = time.perf_counter()
            status = api.get("/pedidos").raise_for_status().json()
            now = time.perf_counter()
            answered.append((now - asked) * 1000)
            if status["lastRunId"] == run_id and status["phase"] in ENDED:
                p99 = sorted(answered)[int(0.99 * len(answered))]
                return str(run_id), now - start, round(p99, 1)
            time.sleep(max(0.0, asked + POLL_SECONDS - now))
    raise TimeoutError(f"run {run_id} is not over after {RUN_SECONDS:.0f} s")


def _phase_seconds(run: Mapping[str, Any]) -> dict[str, float]:
    starts: list[tuple[str, datetime]] = [("start", run["createdAt"])]
    starts += [(entry["phase"], entry["at"]) for entry in run["phases"]]
    return {
        phase: round((after - at).total_seconds(), 3)
        for (phase, at), (_, after) in pairwise(starts)
    }


def _layout(database: Database[dict[str, Any]], run: Mapping[str, Any]) -> Layout:
    options = next(iter(database.list_collections(filter={"name": "orders"})))["options"]
    clustered = {k: v for k, v in options["clusteredIndex"].items() if k != "v"}
    indexes = [dict(index) for index in database.orders.list_indexes()]
    run_id = UUID(run["_id"])
    return Layout(
        run_id=run_id,
        plan=run["plan"],
        created_at=_created_at(database, run_id, run["plan"]),
        options={"clusteredIndex": clustered},
        indexes=tuple(i for i in indexes if not i.get("clustered") and i["name"] != "_id_"),
        data_bytes=database.command("collStats", "orders")["size"],
        digest=_digest(database, run_id, run["plan"]["quantity"]),
    )


def _created_at(
    database: Database[dict[str, Any]], run_id: UUID, plan: Mapping[str, Any]
) -> tuple[datetime, ...]:
    firsts = [order_id(run_id, n) for n in range(1, plan["quantity"] + 1, plan["chunkSize"])]
    found = database.orders.find({"_id": {"$in": firsts}}, {"createdAt": 1}).sort("_id", 1)
    return tuple(order["createdAt"] for order in found)


def _digest(database: Database[dict[str, Any]], run_id: UUID, quantity: int) -> str:
    sampled = [order_id(run_id, n) for n in range(1, quantity + 1, SAMPLE_STEP)]
    found = database.orders.find({"_id": {"$in": sampled}}, {"processedAt": 0}).sort("_id", 1)
    whole = hashlib.sha256()
    for order in found:
        whole.update(encode(order, codec_options=database.codec_options))
    return whole.hexdigest()


def _check_same(database: Database[dict[str, Any]], layout: Layout, quantity: int) -> None:
    """The same orders, and nothing left to do: else the comparison means nothing."""
    size = database.command("collStats", "orders")["size"]
    left = database.orders.count_documents({"status": {"$ne": "processado"}})
    if size != layout.data_bytes or left:
        raise RuntimeError(
            f"the bare loop wrote {size:,} bytes where the pipeline wrote {layout.data_bytes:,}, "
            f"and left {left:,} orders: the two do not do the same"
        )
    if _digest(database, layout.run_id, quantity) != layout.digest:
        raise RuntimeError("the bare loop's orders are not the pipeline's, byte for byte")
