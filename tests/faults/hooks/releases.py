"""A hook that makes services those of the next release: batches have a payload of version 2.

An orchestrator of it writes every other batch as before, as if it led in turn with one of this
release. Its workers can read none but the new form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.domain.jobs import Job, NewJob, Outcome
from pedidos_common.domain.payloads import Payload, Upgrade
from pedidos_common.domain.run_jobs import PROCESS_BATCH, UPGRADES
from pedidos_common.execution.registry import JobContext
from pedidos_common.ports import Bell
from tests.faults.hooks.wrapping import Around, wrap


def next_release(role: str) -> None:
    """The hook."""
    table = cast("dict[str, tuple[Upgrade, ...]]", UPGRADES)
    table[PROCESS_BATCH] = (in_the_next_form,)
    if role == "orchestrator":
        wrap(MongoJobLedger, "create", _create)
    if role == "worker":
        from pedidos_worker.process_batch import BatchProcessing

        wrap(BatchProcessing, "perform", _perform)


def in_the_next_form(payload: Payload) -> Payload:
    """What version 1 holds, in the form of version 2."""
    return {**payload, "form": "next"}


async def _create(call: Around, jobs: Sequence[NewJob]) -> Sequence[Bell]:
    return cast("Sequence[Bell]", await call([_written(job) for job in jobs]))


def _written(job: NewJob) -> NewJob:
    if job.function != PROCESS_BATCH:
        return job
    if job.payload["index"] % 2:
        return replace(job, payload_version=1)
    return replace(job, payload=in_the_next_form(job.payload))


async def _perform(call: Around, job: Job, context: JobContext) -> Outcome:
    if (job.payload_version, job.payload["form"]) != (2, "next"):
        raise ValueError(f"{job.id} is not of the form that this release reads")
    outcome: Any = await call(job, context)
    return cast("Outcome", outcome)
