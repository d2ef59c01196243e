"""At how many orders a day each part is full, and how fast one engine could go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.capacity.model import DAY_SECONDS, Assumptions
from bench.capacity.simulation.costs import BATCH_ORDERS, CHUNK_ORDERS, Costs
from bench.capacity.simulation.pipeline import simulate
from bench.capacity.simulation.setup import Outcome, Setup


def limit_rows(
    need: Mapping[str, Any], ceiling: Mapping[str, Any], costs: Costs, assumed: Assumptions
) -> list[dict[str, Any]]:
    """At how many orders a day each single part is full, the first one first.

    `need` is any row of `need_row`, `ceiling` that of the engine as it is.
    """
    one_shard = {
        "disk of one shard": "disk_shards_exactly",
        "bandwidth of one shard's disk": "writes_shards_exactly",
        "processors of one shard's primary": "cpu_shards_exactly",
    }
    per_day = {
        part: need["orders_per_day"] / need[name] for part, name in one_shard.items() if need[name]
    }
    jobs = 1 / BATCH_ORDERS + 1 / CHUNK_ORDERS
    of_peak = DAY_SECONDS / assumed.peak_factor
    rates = {
        "one engine, one run at a time": assumed.use_at_most * ceiling["orders_per_second"],
        "the leader's processor": (assumed.use_at_most - costs.idle_orchestrator)
        / (costs.job_orchestrator * jobs),
        "Redis' processor": assumed.use_at_most / (costs.redis + costs.job_redis * jobs),
    }
    per_day |= {part: rate * of_peak for part, rate in rates.items()}
    return [
        {
            "kind": "limit",
            "part": part,
            "orders_per_day": two_figures(orders),
            "peak_orders_per_second": two_figures(orders / of_peak),
        }
        for part, orders in sorted(per_day.items(), key=lambda item: item[1])
    ]


def two_figures(value: float) -> int:
    """As exact as a plan can be."""
    return int(float(f"{value:.1e}"))


def ceiling_row(what: str, setup: Setup, costs: Costs) -> dict[str, Any]:
    """How fast one engine could go, with more of everything else than it can use."""
    outcome = simulate(setup, costs)
    return {
        "kind": "ceiling",
        "what": what,
        "quantity": setup.quantity,
        "group_size": setup.group_size,
        "orders_batch_size": setup.batch_size,
        "orders_per_second": round(setup.quantity / outcome.seconds),
        "step_ms": round(outcome.step_seconds / outcome.steps * 1000, 1),
        "orchestrator_busy_percent": _percent(outcome, "orchestrator"),
        "mongod_busy_percent": round(outcome.mongod_busy_share * 100, 1),
        "barrier_ms": round(outcome.barrier_seconds * 1000),
    }


def _percent(outcome: Outcome, role: str) -> float:
    return round(outcome.cpu_seconds[role] / outcome.seconds * 100, 1)
