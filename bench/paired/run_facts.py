"""What a run's own documents and its services' metrics say about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pymongo.database import Database

from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import PROCESS_BATCH, PROCESS_ORDERS, place_of

LOOP_LAG = "pedidos_event_loop_lag_seconds"
METRICS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Milliseconds by MongoDB's clock; None where the run has no such moment.

    `barrier_ms` is from the end of the last VIP batch to the start of the first NORMAL one,
    `first_order_ms` from the run's start to the end of its first batch.
    """

    barrier_ms: float | None = None
    first_order_ms: float | None = None


def facts_of(database: Database[dict[str, Any]], run: Mapping[str, Any]) -> RunFacts:
    """Read from the ledger, which must hold this run only."""
    found = database.jobs.find(
        {"function": {"$in": [PROCESS_BATCH, PROCESS_ORDERS]}},
        {"firstClaimedAt": True, "settledAt": True},
    )
    return facts_from(run["createdAt"], list(found))


def facts_from(created_at: datetime, jobs: Iterable[Mapping[str, Any]]) -> RunFacts:
    """The same from the jobs' documents."""
    by_priority: dict[Priority | None, list[Mapping[str, Any]]] = {}
    for job in jobs:
        by_priority.setdefault(place_of(job["_id"]).priority, []).append(job)
    vip, normal = (by_priority.get(one, []) for one in (Priority.VIP, Priority.NORMAL))
    starts, vip_ends = _times(normal, "firstClaimedAt"), _times(vip, "settledAt")
    ends = [*vip_ends, *_times(normal, "settledAt")]
    return RunFacts(
        barrier_ms=_ms(max(vip_ends), min(starts)) if vip_ends and starts else None,
        first_order_ms=_ms(created_at, min(ends)) if ends else None,
    )


def phase_seconds(run: Mapping[str, Any]) -> dict[str, float]:
    """Seconds in each phase, by MongoDB's clock."""
    starts: list[tuple[str, datetime]] = [("start", run["createdAt"])]
    starts += [(entry["phase"], entry["at"]) for entry in run["phases"]]
    return {
        phase: round((after - at).total_seconds(), 3)
        for (phase, at), (_, after) in pairwise(starts)
    }


def loop_lags_ms(processes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How late the event loop of each process was, where its metrics tell."""
    lags: dict[str, float] = {}
    for process in processes:
        if not process.get("metrics"):
            continue
        try:
            answer = httpx.get(process["metrics"], timeout=METRICS_SECONDS, trust_env=False)
            lag = loop_lag_ms(answer.raise_for_status().text)
        except httpx.HTTPError as error:
            print(f"No metrics at {process['metrics']}: {type(error).__name__}: {error}")
            continue
        if lag is not None:
            lags[f"{process['role']} {process['index']}"] = lag
    return lags


def loop_lag_ms(text: str) -> float | None:
    """A histogram's bound that 99% stay within, else the largest value; None where none is told."""
    for family in text_string_to_metric_families(text):
        if family.name == LOOP_LAG and family.samples:
            buckets = [s for s in family.samples if s.name == f"{LOOP_LAG}_bucket"]
            if buckets:
                return _within(sorted((float(s.labels["le"]), s.value) for s in buckets))
            values = [s.value for s in family.samples if s.name == LOOP_LAG]
            return round(max(values) * 1000, 1) if values else None
    return None


def _within(bounds: Sequence[tuple[float, float]]) -> float | None:
    """Past the last finite bound there is only that bound to tell."""
    whole = bounds[-1][1]
    if not whole:
        return None
    finite = [bound for bound, _ in bounds if bound != float("inf")]
    reached = next(bound for bound, count in bounds if count >= 0.99 * whole)
    return round(min(reached, finite[-1]) * 1000, 1)


def _times(jobs: Sequence[Mapping[str, Any]], name: str) -> list[datetime]:
    return [job[name] for job in jobs if job.get(name)]


def _ms(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() * 1000, 1)
