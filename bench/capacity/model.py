"""What so many orders a day need, from the costs and the bytes of one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.capacity.simulation.costs import BATCH_ORDERS, CHUNK_ORDERS, Costs
from bench.capacity.simulation.pipeline import simulate
from bench.capacity.simulation.setup import Setup

DAY_SECONDS = 86_400
GB, TB, MB = 1e9, 1e12, 1e6
# One process more of each kind must make a run faster by this much, or it is not the lack of them.
LEAST_GAIN, MOST_STEPS = 0.02, 12
ORDERS_A_DAY = (5_000_000, 100_000_000, 1_000_000_000, 10_000_000_000)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is not measured here, and can be given otherwise on the command line.

    `peak_factor` is the peak hour's rate over the day's mean; `use_at_most` how much of a core, a
    disk or a disk's bandwidth is planned for at the peak. A shard is a replica set of `copies`
    members, each with `shard_cores`, `shard_disk_tb` and `shard_write_mb_per_second`.
    """

    peak_factor: float = 3.0
    use_at_most: float = 0.6
    orders_a_run: int = 1_000_000
    retention_days: float = 30.0
    jobs_retention_days: float = 7.0
    oplog_hours: float = 24.0
    copies: int = 3
    shard_cores: int = 8
    shard_disk_tb: float = 4.0
    shard_write_mb_per_second: float = 200.0


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes of one order, job and ring. `journal` and `block` are written, the others are kept.

    What is written for an order includes its share of the jobs of usual batches.
    """

    order: float
    order_disk: float
    journal: float
    block: float
    oplog: float
    job_disk: float
    ring: float


def bytes_of(summary: Mapping[str, Any]) -> Bytes:
    """From the summary of the section `footprint`.

    Raises:
        KeyError: when it lacks one of them.
    """
    return Bytes(
        order=float(summary["order_bytes_per_order"]),
        order_disk=float(summary["order_disk_bytes_per_order"]),
        journal=float(summary["journal_bytes_per_order"]),
        block=float(summary["block_bytes_per_order"]),
        oplog=float(summary["oplog_disk_bytes_per_order"]),
        job_disk=float(summary["job_disk_bytes_per_job"]),
        ring=float(summary["redis_bytes_per_ring"]),
    )


def need_row(per_day: int, costs: Costs, sizes: Bytes, assumed: Assumptions) -> dict[str, Any]:
    """Processes, shards, disk and memory for so many orders a day, flat; checked by simulation."""
    peak = per_day / DAY_SECONDS * assumed.peak_factor
    needs = {
        "kind": "need",
        "orders_per_day": per_day,
        "mean_orders_per_second": round(per_day / DAY_SECONDS, 1),
        "peak_orders_per_second": round(peak, 1),
        "batches_per_day": math.ceil(per_day / BATCH_ORDERS),
        **_processors(peak, costs, assumed),
        **_storage(per_day, peak, sizes, assumed),
    }
    by = {what: needs[f"shards_for_{what}"] for what in ("cpu", "disk", "writes")}
    needs["shards"] = max(by.values())
    needs["shards_because_of"] = max(by, key=lambda what: needs[f"{what}_shards_exactly"])
    return needs | _simulated(needs, peak, costs, sizes, assumed)


def _processors(peak: float, costs: Costs, assumed: Assumptions) -> dict[str, Any]:
    jobs = 1 / BATCH_ORDERS + 1 / CHUNK_ORDERS
    generator = costs.generator + costs.job_client / CHUNK_ORDERS
    worker = costs.worker + costs.job_client / BATCH_ORDERS
    mongod = costs.mongod + costs.job_mongod * jobs
    shards = peak * mongod / assumed.use_at_most / assumed.shard_cores
    return {
        "generators": math.ceil(peak * generator / assumed.use_at_most),
        "workers": math.ceil(peak * worker / assumed.use_at_most),
        "orchestrator_cores": round(
            costs.idle_orchestrator + peak * costs.job_orchestrator * jobs, 4
        ),
        "redis_cores": round(peak * (costs.redis + costs.job_redis * jobs), 4),
        "mongod_cores": round(peak * mongod, 3),
        "cpu_shards_exactly": round(shards, 5),
        "shards_for_cpu": math.ceil(shards),
    }


def _storage(per_day: int, peak: float, sizes: Bytes, assumed: Assumptions) -> dict[str, Any]:
    jobs_a_day = per_day / BATCH_ORDERS + per_day / CHUNK_ORDERS
    orders_gb, jobs_gb = per_day * sizes.order_disk / GB, jobs_a_day * sizes.job_disk / GB
    oplog_gb = per_day * sizes.oplog * assumed.oplog_hours / 24 / GB
    kept = orders_gb * assumed.retention_days + jobs_gb * assumed.jobs_retention_days + oplog_gb
    disk = kept / 1000 / assumed.use_at_most / assumed.shard_disk_tb
    written = peak * (sizes.journal + sizes.block) / MB
    writes = written / assumed.use_at_most / assumed.shard_write_mb_per_second
    return {
        "stored_gb_per_day": round(orders_gb + jobs_gb, 3),
        "oplog_gb": round(oplog_gb, 2),
        "kept_tb": round(kept / 1000, 3),
        "kept_tb_all_copies": round(kept / 1000 * assumed.copies, 2),
        "disk_shards_exactly": round(disk, 5),
        "shards_for_disk": math.ceil(disk),
        "write_mb_per_second": round(written, 2),
        "writes_shards_exactly": round(writes, 5),
        "shards_for_writes": math.ceil(writes),
        "cache_gb_of_a_run": round(assumed.orders_a_run * sizes.order / GB, 2),
    }


def _simulated(
    needs: dict[str, Any], peak: float, costs: Costs, sizes: Bytes, assumed: Assumptions
) -> dict[str, Any]:
    """One run on what was planned, with more processes until the peak leaves room, if that helps.

    The phases of a run come one after the other, so that its rate is below each role's own.
    """
    best, processes = None, (needs["generators"], needs["workers"])
    for _ in range(MOST_STEPS):
        setup = Setup(
            assumed.orders_a_run,
            generators=processes[0],
            workers=processes[1],
            shards=needs["shards"],
            shard_cores=assumed.shard_cores,
        )
        outcome = simulate(setup, costs)
        if best is not None and outcome.seconds > best[1].seconds * (1 - LEAST_GAIN):
            break
        best = setup, outcome
        if peak * outcome.seconds <= assumed.use_at_most * setup.quantity:
            break
        processes = processes[0] + 1, processes[1] + 1
    if best is None:
        raise ValueError(f"nothing was simulated for {peak} orders a second")
    setup, outcome = best
    rate = setup.quantity / outcome.seconds
    return {
        "generators": setup.generators,
        "workers": setup.workers,
        "simulated_orders_per_second": round(rate),
        "busy_share_at_peak": round(peak / rate, 4),
        "holds": peak <= assumed.use_at_most * rate,
        "redis_mb": round(outcome.rings_at_most * sizes.ring / MB, 3),
    }
