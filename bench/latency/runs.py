"""Runs through the API: how soon things begin, and what asking for the status takes meanwhile."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from pymongo.database import Database

from bench.latency.figures import spread
from bench.running.timed_run import ENDED
from pedidos_common.adapters.mongo.order_documents import range_filter
from pedidos_common.domain.ids import whole_run

ASK_SECONDS = 0.05
RUN_SECONDS = 600.0
HTTP_SECONDS = 30.0
Jobs = Database[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One run: when it was asked for (this machine's clock), and how long each status took."""

    run_id: str
    at: float
    status_ms: list[float]


class Api:
    """One kept connection to the API. What is no success raises, and says what was answered."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=HTTP_SECONDS
        )

    def ask(self, method: str, path: str) -> Any:
        """The answer's JSON."""
        self._connection.request(method, path)
        response = self._connection.getresponse()
        body = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {body[:500]!r}")
        return json.loads(body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def ask_status(api: Api, until: Callable[[Mapping[str, Any]], bool]) -> Iterator[float]:
    """Ask for the status 20 times a second; milliseconds of each, until one ends it."""
    while True:
        asked = time.perf_counter()
        status = api.ask("GET", "/pedidos")
        now = time.perf_counter()
        yield (now - asked) * 1000
        if until(status):
            return
        time.sleep(max(0.0, asked + ASK_SECONDS - now))


def status_at_rest(address: str, seconds: float) -> list[float]:
    """Milliseconds of each `GET /pedidos` while nothing runs."""
    end = time.monotonic() + seconds
    with closing(Api(address)) as api:
        return list(ask_status(api, lambda _status: time.monotonic() > end))


def run(address: str, quantity: int, seed: int) -> Asked:
    """Take one run to its end.

    Raises:
        RuntimeError: when it does not end DONE.
        TimeoutError: when it does not end in time.
    """
    give_up_at = time.monotonic() + RUN_SECONDS
    with closing(Api(address)) as api:
        at = time.time()
        path = f"/pedidos/generate?quantity={quantity}&seed={seed}"
        run_id = str(api.ask("POST", path)["runId"])

        def is_over(status: Mapping[str, Any]) -> bool:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"run {run_id} is not over after {RUN_SECONDS:.0f} s")
            return status["lastRunId"] == run_id and status["phase"] in ENDED

        return Asked(run_id, at, list(ask_status(api, is_over)))


def run_row(database: Jobs, asked: Asked, quantity: int) -> dict[str, Any]:
    """What is stored about a run that is DONE, as milliseconds.

    Raises:
        RuntimeError: when it ended otherwise.
    """
    stored = database.process_runs.find_one({"_id": asked.run_id}) or {}
    if stored.get("phase") != "DONE":
        raise RuntimeError(
            f"run {asked.run_id} ended as {stored.get('phase')}: {stored.get('error')}"
        )
    jobs = {lane: _lane(database, asked.run_id, lane) for lane in ("chunk", "vip", "normal")}
    done = stored["phases"][-1]["at"]
    batches = [jobs[lane] for lane in ("vip", "normal") if jobs[lane]]
    status = spread(asked.status_ms)
    return {
        "kind": "run",
        "orders": quantity,
        "total_ms": _since(asked.at, done),
        "first_chunk_started_ms": _since(asked.at, jobs["chunk"]["started"]),
        "first_batch_started_ms": _since(asked.at, min(one["started"] for one in batches)),
        "first_processed_ms": _since(asked.at, _first_processed(database, asked.run_id)),
        "barrier_ms": _between(jobs["vip"], jobs["normal"]),
        "end_ms": _milliseconds(max(one["settled"] for one in batches), done),
        "status_samples": status["samples"],
        "status_p50_ms": status["p50_ms"],
        "status_p99_ms": status["p99_ms"],
        "status_max_ms": status["max_ms"],
    }


def _lane(database: Jobs, run_id: str, lane: str) -> Mapping[str, Any]:
    """When the first job of a lane was started, and the last one settled; empty without jobs."""
    ids = {"$gte": f"{run_id}:{lane}:", "$lt": f"{run_id}:{lane};"}
    group = {
        "_id": None,
        "started": {"$min": "$firstClaimedAt"},
        "settled": {"$max": "$settledAt"},
    }
    return next(iter(database.jobs.aggregate([{"$match": {"_id": ids}}, {"$group": group}])), {})


def _first_processed(database: Jobs, run_id: str) -> datetime:
    group = {"_id": None, "at": {"$min": "$processedAt"}}
    match = {"$match": range_filter(whole_run(UUID(run_id)))}
    first: datetime = next(iter(database.orders.aggregate([match, {"$group": group}])))["at"]
    return first


def _between(vip: Mapping[str, Any], normal: Mapping[str, Any]) -> float | None:
    """The barrier's price: from the last VIP batch's settlement to the first NORMAL one's start."""
    return _milliseconds(vip["settled"], normal["started"]) if vip and normal else None


def _milliseconds(before: datetime, after: datetime) -> float:
    return round((after - before).total_seconds() * 1000, 1)


def _since(at: float, then: datetime) -> float:
    return round((then.timestamp() - at) * 1000, 1)
