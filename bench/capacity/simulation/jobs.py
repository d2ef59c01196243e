"""Chunks and batches of a simulated run, as the product's jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pedidos_common.domain.generation import WEIGHTS_PERCENT
from pedidos_common.domain.jobs import Job, JobStatus, NewJob
from pedidos_common.domain.run_jobs import GENERATION_QUEUE

VIP_SHARE = WEIGHTS_PERCENT[0] / 100
# Any would do: the simulated clock counts from it.
START = datetime(2026, 1, 1, tzinfo=UTC)


def settled_job(new: NewJob, claimed: float, settled: float) -> Job:
    """The job when it is done; both times are seconds of the simulated clock."""
    size = size_of(new)
    vip = round(size * VIP_SHARE)
    chunk = new.queue == GENERATION_QUEUE
    return Job(
        id=new.id,
        function=new.function,
        queue=new.queue,
        band=new.band,
        payload=new.payload,
        status=JobStatus.SUCCEEDED,
        created_at=START,
        first_claimed_at=START + timedelta(seconds=claimed),
        settled_at=START + timedelta(seconds=settled),
        result={"vip": vip, "normal": size - vip} if chunk else {"processed": size},
    )


def size_of(job: NewJob) -> int:
    """Its number of orders."""
    payload: Mapping[str, Any] = job.payload
    return int(payload["last"]) - int(payload["first"]) + 1


def place_of(job: NewJob) -> int:
    """The chunk that the job is of: shards take turns with chunks, and batches go with theirs."""
    payload: Mapping[str, Any] = job.payload
    return int(payload["index"] if job.queue == GENERATION_QUEUE else payload["chunk"])
