"""Claims, settlements and creations of jobs: one by one, and many in one call.

Each stays a compare-and-set of its own: of a job that is asked for twice one claim alone wins, and
a settlement changes only what its lease still holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import PyMongoError

from pedidos_common.adapters.grouping import Grouped
from pedidos_common.adapters.mongo import job_changes as changes
from pedidos_common.adapters.mongo.client import Collection, Document, confirmed
from pedidos_common.adapters.mongo.errors import is_transient
from pedidos_common.adapters.mongo.job_creation import create_all
from pedidos_common.domain.jobs import Job, NewJob
from pedidos_common.ports import Bell


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's wish for a job; `lease_id` is this wish's alone."""

    job_id: str
    worker: str
    lease_id: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """A job as its worker holds it, and what is to be recorded of it."""

    job: Job
    change: Document | list[Document]


class JobGroups:
    """Claims, settlements and creations that come in the same moment, each kind in one call."""

    def __init__(self, jobs: Collection) -> None:
        self._jobs = jobs
        self.claims: Grouped[Claim, Document | None] = Grouped(self._claim)
        self.settlements: Grouped[Settlement, bool] = Grouped(self._settle)
        self.creations: Grouped[Sequence[NewJob], Sequence[Bell]] = Grouped(self._create)

    async def _claim(self, claims: Sequence[Claim]) -> Sequence[Document | None]:
        if len(claims) == 1:
            return [await claim_one(self._jobs, claims[0])]
        updates = [
            UpdateOne(changes.claimable(one.job_id), changes.claim(one.worker, one.lease_id))
            for one in claims
        ]
        done = await self._jobs.bulk_write(updates, ordered=False)
        if not done.modified_count:
            return [None] * len(claims)
        mine = {
            "_id": {"$in": [one.job_id for one in claims]},
            "lease.id": {"$in": [one.lease_id for one in claims]},
        }
        by_lease = {d["lease"]["id"]: d async for d in self._jobs.find(mine)}
        return [by_lease.get(one.lease_id) for one in claims]

    async def _settle(self, settlements: Sequence[Settlement]) -> Sequence[bool | Exception]:
        if len(settlements) == 1:
            return [await settle_one(self._jobs, settlements[0])]
        updates = [UpdateOne(changes.held_by(one.job), one.change) for one in settlements]
        try:
            written = await self._jobs.bulk_write(updates, ordered=False)
        except Exception as error:
            if isinstance(error, PyMongoError) and is_transient(error):
                raise
            return [await self._settle_apart(one) for one in settlements]
        if written.matched_count == len(updates):
            return [True] * len(updates)
        return [await has_settled(self._jobs, one.job) for one in settlements]

    async def _settle_apart(self, one: Settlement) -> bool | Exception:
        """The same for one of those of which one can't be stored: what it meets is its own."""
        try:
            return await settle_one(self._jobs, one) or await has_settled(self._jobs, one.job)
        except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
            return error

    async def _create(
        self, asked: Sequence[Sequence[NewJob]]
    ) -> Sequence[Sequence[Bell] | Exception]:
        try:
            bells = await create_all(self._jobs, [job for jobs in asked for job in jobs])
        except Exception as error:
            if len(asked) == 1 or (isinstance(error, PyMongoError) and is_transient(error)):
                raise
            return [await self._create_apart(jobs) for jobs in asked]
        by_id = {bell.job_id: bell for bell in bells}
        return [[by_id[job.id] for job in jobs if job.id in by_id] for jobs in asked]

    async def _create_apart(self, jobs: Sequence[NewJob]) -> Sequence[Bell] | Exception:
        try:
            return await create_all(self._jobs, jobs)
        except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
            return error


async def claim_one(jobs: Collection, claim: Claim) -> Document | None:
    """The job's document as it is claimed; None where it is not to be had."""
    found: Document | None = await jobs.find_one_and_update(
        changes.claimable(claim.job_id),
        changes.claim(claim.worker, claim.lease_id),
        return_document=ReturnDocument.AFTER,
    )
    return found


async def settle_one(jobs: Collection, settlement: Settlement) -> bool:
    """Whether the job was held as its worker has it, and is settled now."""
    done = await jobs.update_one(changes.held_by(settlement.job), settlement.change)
    return done.matched_count == 1


async def has_settled(jobs: Collection, job: Job) -> bool:
    """Whether the job was settled under the lease that its worker held it by."""
    query = changes.settled_by(job)
    return await confirmed(jobs).find_one(query, {"_id": 1}) is not None
