"""Job ledgers of each kind, and jobs to put into them."""

from __future__ import annotations

from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.domain.jobs import Band, Job, NewJob
from pedidos_common.ports import JobLedger
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from tests.contract.lab import Lab

RUN = "01934f1e-7c00-8a1b-8c3d-4e0000000000"
OTHER = "01934f1e-7c01-8a1b-8c3d-4e0000000000"


def ledger_of(lab: Lab, lease_seconds: float) -> JobLedger:
    """A ledger on what the lab has."""
    if lab.database is not None:
        return MongoJobLedger(lab.database, lease_seconds, together=lab.together)
    assert lab.clock is not None
    return InMemoryJobLedger(lab.clock, lease_seconds)


def new(name: str, scope: str | None = RUN, **fields: object) -> NewJob:
    job_id = name if scope is None else f"{scope}:{name}"
    plain = NewJob(job_id, "f", "orders", Band.HIGH, {"n": 1, "text": "$name"}, scope=scope)
    return NewJob(**{**{f: getattr(plain, f) for f in plain.__slots__}, **fields})


async def claimed(ledger: JobLedger, name: str = "a", worker: str = "w") -> Job:
    job = await ledger.claim(f"{RUN}:{name}", worker)
    assert job is not None
    return job


async def stored(ledger: JobLedger, name: str = "a") -> Job:
    job = await ledger.get(f"{RUN}:{name}")
    assert job is not None
    return job


async def is_open(_scope: str) -> bool:
    return True


async def is_closed(_scope: str) -> bool:
    return False
