"""One round of each kind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from bson import encode
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database

from bench.paired.bare_loop import BareTask, BareTimes, run_bare_loop
from bench.paired.run_facts import RunFacts, facts_of, loop_lags_ms, phase_seconds
from bench.running.measure import ProcessUse, process_use
from bench.running.polling import p99_ms, status_replies
from bench.running.stack import RunningServices, ServerPair, services
from bench.running.usage import Sample, UsageRecorder, cpu_by_stage
from pedidos_cli.audit import audit_run
from pedidos_common.domain.ids import order_id

PIPELINE_DATABASE, BARE_DATABASE = "pedidos", "bare"
ENDED = frozenset({"DONE", "ABORTED", "ERROR"})
RUN_SECONDS = 1_800.0
SAMPLE_STEP = 97
# Workers take VIP batches while the generators still write, so `generate` has some of their work.
STAGE_OF = {
    "ENQUEUE_VIP": "vip",
    "WAITING_VIP_DRAIN": "vip",
    "ENQUEUE_NORMAL": "normal",
    "WAITING_NORMAL_DRAIN": "normal",
}
CLIENTS = ("generator", "worker", "orchestrator", "redis")
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
    `stage_cpu` has CPU seconds by stage and process, mongod's and Redis' too; `loop_lags_ms` how
    late the event loops were, where metrics tell.
    """

    phase: str
    audit_passed: bool
    outside_seconds: float
    server_seconds: float
    phases: Mapping[str, float]
    processes: tuple[ProcessUse, ...]
    mongod_cpu_seconds: float
    status_p99_ms: float
    redis_cpu_seconds: float = 0.0
    stage_cpu: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    facts: RunFacts = field(default_factory=RunFacts)
    loop_lags_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def client_cpu_seconds(self) -> float:
        """Of generators, workers, orchestrator and Redis together."""
        clients = (one for one in self.processes if one.name.split()[0] in CLIENTS)
        return sum(one.cpu_seconds for one in clients) + self.redis_cpu_seconds

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
            pids = _pids(running, servers)
            recorder = UsageRecorder(pids)
            before = _uses(running, servers)
            run_id, outside_seconds, p99 = timed_run(running, settings, recorder.note)
            if _pids(running, servers) != pids:
                raise RuntimeError("a service died during the run and was started again")
            after = _uses(running, servers)
            lags = loop_lags_ms(running.processes())
            used = [now.since(then.cpu_seconds) for then, now in zip(before, after, strict=True)]
        run = database.process_runs.find_one({"_id": run_id}) or {}
        verdict = audit_run(servers.mongo_uri, PIPELINE_DATABASE, run_id)
        phases = phase_seconds(run)
        result = PipelineResult(
            phase=run["phase"],
            audit_passed=verdict.passed,
            outside_seconds=round(outside_seconds, 3),
            server_seconds=round(sum(phases.values()), 3),
            phases=phases,
            processes=tuple(used[2:]),
            mongod_cpu_seconds=used[0].cpu_seconds,
            status_p99_ms=p99,
            redis_cpu_seconds=used[1].cpu_seconds,
            stage_cpu=cpu_by_stage(recorder.samples()),
            samples=recorder.samples(),
            facts=facts_of(database, run),
            loop_lags_ms=lags,
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
        times = run_bare_loop(task, lambda: process_use("", servers.mongod_pid).cpu_seconds)
        mongod = process_use("mongod", servers.mongod_pid).cpu_seconds - before
        _check_same(database, layout, settings.quantity)
        return BareResult(times, round(mongod, 2))


def _clean(client: MongoClient[dict[str, Any]]) -> None:
    """Neither loop pays for what the other has left dirty."""
    for name in (PIPELINE_DATABASE, BARE_DATABASE):
        client.drop_database(name)
    client.admin.command("fsync")


def _pids(running: RunningServices, servers: ServerPair) -> dict[str, int]:
    """The servers' first, then the services', then who supervises these."""
    pids = {"mongod": servers.mongod_pid, "redis": servers.redis_pid}
    pids |= {f"{p['role']} {p['index']}": p["pid"] for p in running.processes()}
    return {**pids, "supervisor": running.supervisor_pid}


def _uses(running: RunningServices, servers: ServerPair) -> list[ProcessUse]:
    return [process_use(name, pid) for name, pid in _pids(running, servers).items()]


def timed_run(
    running: RunningServices, settings: Settings, each: Callable[[str], None] = lambda _: None
) -> tuple[str, float, float]:
    """Take a run from its start to its end.

    `each` is told the stage of the run (`generate`, `vip` or `normal`) 20 times a second.

    Returns:
        its id, its seconds seen from outside, and the status page's p99 in milliseconds.

    Raises:
        TimeoutError: when it is not over after `RUN_SECONDS`.
        RuntimeError: when the API does not answer.
        httpx.HTTPError: when the API refuses the run.
    """
    wanted = {"quantity": settings.quantity, "seed": settings.seed}
    replies = []
    with status_replies(running.api) as status:
        status.next()
        each("generate")
        start = time.monotonic()
        started = httpx.post(
            f"{running.api}/pedidos/generate", params=wanted, timeout=30.0, trust_env=False
        )
        run_id = started.raise_for_status().json()["runId"]
        while time.monotonic() - start < RUN_SECONDS:
            reply = status.next()
            if reply.asked_at < start:
                continue
            replies.append(reply)
            each(STAGE_OF.get(reply.phase, "generate" if reply.phase not in ENDED else "end"))
            if reply.run_id == run_id and reply.phase in ENDED:
                return str(run_id), reply.answered_at - start, p99_ms(replies)
    raise TimeoutError(f"run {run_id} is not over after {RUN_SECONDS:.0f} s")


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
