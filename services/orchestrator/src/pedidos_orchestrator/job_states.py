"""What clients call jobs and their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pedidos_common.domain.jobs import Job, JobStatus

STATUS_OF: Mapping[str, JobStatus] = {
    "waiting": JobStatus.QUEUED,
    "active": JobStatus.RUNNING,
    "delayed": JobStatus.RETRYING,
    "completed": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
}
LONGEST_REASON = 200
WAITING = (JobStatus.QUEUED, JobStatus.RETRYING)


def kinds(jobs: Sequence[Job]) -> Mapping[str, str]:
    """Each kind among the jobs with its payload's version, sorted, and why one of them waits."""
    reasons = {_kind(job): (job.error or "")[:LONGEST_REASON] for job in jobs}
    return dict(sorted(reasons.items()))


def _kind(job: Job) -> str:
    return f"{job.function} (payload version {job.payload_version})"
