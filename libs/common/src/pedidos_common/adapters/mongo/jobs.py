"""The job ledger on MongoDB.

Every change of a job is one compare-and-set on (id, status, lease id), so a save that matches
nothing is a stale worker's. Statuses come from the domain's table. Lease times are compared on
the server (`$$NOW`), never with a process's clock.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from pymongo import ReturnDocument

from pedidos_common.adapters.mongo import job_changes as changes
from pedidos_common.adapters.mongo import job_follow_ups as follow_ups
from pedidos_common.adapters.mongo.client import Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import batches, guarded
from pedidos_common.adapters.mongo.job_claims import (
    Claim,
    JobGroups,
    Settlement,
    claim_one,
    has_settled,
    settle_one,
)
from pedidos_common.adapters.mongo.job_creation import create_all, still_queued
from pedidos_common.adapters.mongo.job_documents import (
    BELL_FIELDS,
    bell_of,
    depths_of,
    depths_pipeline,
    job_of,
    listing_filter,
    quiet_pipeline,
    scope_filter,
)
from pedidos_common.adapters.mongo.job_queues import (
    OF_A_FAILURE,
    failure_of,
    newest_documents,
    put_off_pipeline,
    standing_of,
    standing_pipeline,
)
from pedidos_common.domain.jobs import (
    FINAL,
    TRIGGER_OF,
    Job,
    JobStatus,
    JobTrigger,
    NewJob,
    Outcome,
    advance,
    sources,
)
from pedidos_common.ports import Bell, Failure, FollowUps, JobFilter, Page, QueueDepth

SCOPE_BATCH = 1_000
MOST_CREATED_TOGETHER = 50


class MongoJobLedger:
    """`ports.JobLedger` on the collection `jobs`.

    With `together`, claims that come in the same moment are one call to the server, and so are
    settlements, and creations of few jobs; a ledger that is so is used in one event loop.
    """

    def __init__(self, database: Database, lease_seconds: float, *, together: bool = False) -> None:
        self._jobs: Collection = database["jobs"]
        self._lease_ms = int(lease_seconds * 1000)
        self._groups = JobGroups(self._jobs) if together else None

    @guarded
    async def create(self, jobs: Sequence[NewJob]) -> Sequence[Bell]:
        """See `ports.JobLedger.create`."""
        if self._groups is not None and 0 < len(jobs) <= MOST_CREATED_TOGETHER:
            return await self._groups.creations.ask(jobs)
        return await create_all(self._jobs, jobs)

    @guarded
    async def left_follow_ups(self, older_than_seconds: float, limit: int) -> Sequence[FollowUps]:
        """See `ports.JobLedger.left_follow_ups`."""
        # confirmed: a settle that is taken back may end otherwise, and be followed by other jobs
        left = confirmed(self._jobs).find(follow_ups.left(older_than_seconds), follow_ups.FIELDS)
        return [follow_ups.follow_ups_in(document) async for document in left.limit(limit)]

    @guarded
    async def note_followed(self, done: Sequence[FollowUps]) -> None:
        """See `ports.JobLedger.note_followed`."""
        if done:
            await self._jobs.update_many(follow_ups.settled_as(done), follow_ups.noted())

    @guarded
    async def claim(
        self, job_id: str, worker: str, lease_id: str | None = None, *, again: bool = False
    ) -> Job | None:
        """See `ports.JobLedger.claim`."""
        lease_id = lease_id or uuid.uuid4().hex
        asked = Claim(job_id, worker, lease_id)
        if self._groups is not None and not again:
            document = await self._groups.claims.ask(asked)
        else:
            document = await claim_one(self._jobs, asked)
        if document is None and again:
            # a write, so that a majority has it, and the lease counts from after this question
            document = await self._jobs.find_one_and_update(
                {"_id": job_id, "lease.id": lease_id},
                changes.renewal(),
                return_document=ReturnDocument.AFTER,
            )
        return job_of(document, self._lease_ms) if document else None

    @guarded
    async def note_probe(self, job: Job) -> bool:
        """See `ports.JobLedger.note_probe`."""
        done = await self._jobs.update_one(changes.held_by(job), {"$inc": {"probes": 1}})
        return done.matched_count == 1

    @guarded
    async def settle(
        self, job: Job, outcome: Outcome, *, exonerated: bool = False, again: bool = False
    ) -> bool:
        """See `ports.JobLedger.settle`."""
        if job.lease is None:
            return False
        status = advance(job.status, TRIGGER_OF[type(outcome)])
        change = changes.settlement(status, outcome, job, exonerated=exonerated)
        asked = Settlement(job, change)
        if self._groups is not None and not again:
            return await self._groups.settlements.ask(asked)
        return await settle_one(self._jobs, asked) or (again and await has_settled(self._jobs, job))

    @guarded
    async def get(self, job_id: str) -> Job | None:
        """See `ports.JobLedger.get`."""
        document = await self._jobs.find_one({"_id": job_id})
        return job_of(document, self._lease_ms) if document else None

    @guarded
    async def page(self, wanted: JobFilter, limit: int, cursor: str | None) -> Page[Job]:
        """See `ports.JobLedger.page`."""
        query = listing_filter(wanted)
        if cursor:
            query["$and"] = [{"_id": {"$lt": cursor}}]
        found = self._jobs.find(query).sort("_id", -1).limit(limit + 1)
        jobs = [job_of(document, self._lease_ms) async for document in found]
        more = len(jobs) > limit
        return Page(jobs[:limit], jobs[limit - 1].id if more else None)

    @guarded
    async def counts(self, scope: str | None = None) -> Mapping[JobStatus, int]:
        """See `ports.JobLedger.counts`."""
        pipeline = [
            {"$match": scope_filter(scope)},
            {"$group": {"_id": "$status", "count": {"$sum": 1}}},
        ]
        groups = await self._jobs.aggregate(pipeline)
        found = {JobStatus(group["_id"]): int(group["count"]) async for group in groups}
        return {status: found.get(status, 0) for status in JobStatus}

    @guarded
    async def quiet_seconds(self) -> float:
        """See `ports.JobLedger.quiet_seconds`."""
        groups = await self._jobs.aggregate(quiet_pipeline())
        ages = [group["newest" if group["_id"] else "oldest"] async for group in groups]
        return max(0.0, min(ages, default=0) / 1000)

    @guarded
    async def depths(self, limit: int) -> Sequence[QueueDepth]:
        """See `ports.JobLedger.depths`."""
        groups = await self._jobs.aggregate(depths_pipeline(limit))
        return depths_of([group async for group in groups])

    @guarded
    async def standing(
        self, queues: Sequence[str], statuses: Sequence[JobStatus], limit: int
    ) -> Sequence[QueueDepth]:
        """See `ports.JobLedger.standing`."""
        groups = await self._jobs.aggregate(standing_pipeline(queues, statuses, limit))
        return standing_of(queues, [group async for group in groups])

    @guarded
    async def put_off(self, queues: Sequence[str], limit: int) -> Mapping[str, int]:
        """See `ports.JobLedger.put_off`."""
        groups = await self._jobs.aggregate(put_off_pipeline(queues, limit))
        found = {group["_id"]: int(group["count"]) async for group in groups}
        return {queue: found.get(queue, 0) for queue in queues}

    @guarded
    async def newest(
        self, queue: str, status: JobStatus, limit: int, cursor: str | None
    ) -> Page[Job]:
        """See `ports.JobLedger.newest`."""
        query = {"queue": queue, "status": status}
        page = await newest_documents(self._jobs, query, limit, cursor)
        return Page([job_of(document, self._lease_ms) for document in page.items], page.cursor)

    @guarded
    async def failures(self, queue: str, limit: int, cursor: str | None) -> Page[Failure]:
        """See `ports.JobLedger.failures`."""
        query = {"queue": queue, "status": JobStatus.FAILED}
        page = await newest_documents(self._jobs, query, limit, cursor, OF_A_FAILURE)
        return Page([failure_of(document) for document in page.items], page.cursor)

    @guarded
    async def revive(self, queue: str, job_ids: Sequence[str]) -> Sequence[Bell]:
        """See `ports.JobLedger.revive`."""
        named = {"_id": {"$in": list(job_ids)}, "queue": queue}
        await self._queue_again({**named, "status": JobStatus.FAILED}, changes.beginning_anew())
        return await still_queued(self._jobs, job_ids)

    @guarded
    async def settled_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """See `ports.JobLedger.settled_among`."""
        return await self._among(job_ids, sorted(FINAL))

    @guarded
    async def started_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """See `ports.JobLedger.started_among`."""
        return await self._among(job_ids, [JobStatus.RUNNING, JobStatus.RETRYING])

    async def _among(self, ids: Sequence[str], statuses: Sequence[JobStatus]) -> Sequence[Job]:
        query = {"_id": {"$in": list(ids)}, "status": {"$in": list(statuses)}}
        found = confirmed(self._jobs).find(query)
        return [job_of(document, self._lease_ms) async for document in found]

    async def of_scope(self, scope: str) -> AsyncIterator[Job]:
        """See `ports.JobLedger.of_scope`."""
        found = confirmed(self._jobs).find(scope_filter(scope)).sort("_id", 1)
        async for documents in batches(found, SCOPE_BATCH):
            for document in documents:
                yield job_of(document, self._lease_ms)

    @guarded
    async def cancel_scope(self, scope: str) -> int:
        """See `ports.JobLedger.cancel_scope`."""
        waiting = [s for s in sources(JobTrigger.CANCEL) if s is not JobStatus.RUNNING]
        done = await self._jobs.update_many(
            {**scope_filter(scope), "status": {"$in": waiting}}, changes.cancellation()
        )
        return done.modified_count

    @guarded
    async def resume_scope(self, scope: str, functions: Sequence[str]) -> Sequence[Bell]:
        """See `ports.JobLedger.resume_scope`."""
        which: list[Document] = [
            {"status": JobStatus.CANCELLED},
            {"status": JobStatus.FAILED, "function": {"$in": list(functions)}},
        ]
        query = {**scope_filter(scope), "$or": which}
        ids = [document["_id"] async for document in self._jobs.find(query, {"_id": 1})]
        await self._queue_again({"_id": {"$in": ids}, "$or": which}, changes.beginning_anew())
        return await still_queued(self._jobs, ids)

    async def _queue_again(self, query: Document, change: Document) -> int:
        # whose follow-ups are not there yet would, settled anew, lose them
        followed = {**query, **follow_ups.FOLLOWED}
        return (await self._jobs.update_many(followed, change)).modified_count

    @guarded
    async def running(self, scope: str | None = None) -> int:
        """See `ports.JobLedger.running`."""
        return await self._jobs.count_documents(
            {**scope_filter(scope), "status": JobStatus.RUNNING}
        )

    @guarded
    async def expire_leases(self, scope_is_open: Callable[[str], Awaitable[bool]]) -> int:
        """See `ports.JobLedger.expire_leases`."""
        return await self._take_away(changes.expired(self._lease_ms), scope_is_open)

    @guarded
    async def take_back(self, worker: str, scope_is_open: Callable[[str], Awaitable[bool]]) -> int:
        """See `ports.JobLedger.take_back`."""
        return await self._take_away(changes.held_under(worker), scope_is_open)

    async def _take_away(
        self, lost: Document, scope_is_open: Callable[[str], Awaitable[bool]]
    ) -> int:
        found = self._jobs.find(lost, {"scope": 1, "lease": 1}).limit(1000)
        count = 0
        async for document in found:
            scope = document.get("scope")
            is_open = scope is None or await scope_is_open(scope)
            still = {"_id": document["_id"], "lease.id": document["lease"]["id"], **lost}
            done = await self._jobs.update_one(still, changes.expiry(scope_is_open=is_open))
            count += done.modified_count
        return count

    @guarded
    async def release_due(self, limit: int) -> Sequence[Bell]:
        """See `ports.JobLedger.release_due`."""
        due = changes.due()
        first = self._jobs.find(due, {"_id": 1}).sort("dueAt", 1).limit(limit)
        ids = [document["_id"] async for document in first]
        if not ids:
            return []
        await self._queue_again({"_id": {"$in": ids}, **due}, changes.requeueing())
        return await still_queued(self._jobs, ids)

    @guarded
    async def hasten(self, job_id: str) -> bool:
        """See `ports.JobLedger.hasten`."""
        done = await self._jobs.update_one(changes.retrying(job_id), changes.hastening())
        return done.matched_count == 1

    @guarded
    async def silent(
        self, older_than_seconds: float, limit: int, after: str | None = None
    ) -> Sequence[Bell]:
        """See `ports.JobLedger.silent`."""
        query = changes.silent(older_than_seconds, after)
        found = self._jobs.find(query, BELL_FIELDS).sort("_id", 1).limit(limit)
        return [bell_of(document) async for document in found]

    @guarded
    async def rang(self, bells: Sequence[Bell]) -> None:
        """See `ports.JobLedger.rang`."""
        if bells:
            await self._jobs.bulk_write([changes.rung(bell) for bell in bells], ordered=False)

    @guarded
    async def remove_settled(self, status: JobStatus, scope: str | None) -> int:
        """See `ports.JobLedger.remove_settled`."""
        if status not in FINAL:
            raise ValueError(f"{status} is not final: jobs that are open are never deleted")
        where: Document = {"scope": None} if scope is None else scope_filter(scope)
        final = {**where, "status": status, **follow_ups.FOLLOWED}
        return (await self._jobs.delete_many(final)).deleted_count

    @guarded
    async def remove(
        self,
        scope: str | None = None,
        settled_before: datetime | None = None,
        *,
        keep: str | None = None,
    ) -> int:
        """See `ports.JobLedger.remove`."""
        query: Document = scope_filter(scope)
        if settled_before is not None:
            final = {"status": {"$in": sorted(FINAL)}, "settledAt": {"$lt": settled_before}}
            query |= {**final, **follow_ups.FOLLOWED}
        if keep is not None:
            query = {"$and": [query, {"scope": {"$not": re.compile(f"^{re.escape(keep)}")}}]}
        return (await self._jobs.delete_many(query)).deleted_count
