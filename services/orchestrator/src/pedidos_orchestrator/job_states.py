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
WAITING = (JobStatus.QUEUED, JobStatus.RETRYING)


def kinds(jobs: Sequence[Job]) -> list[str]:
    """Each kind among the jobs once, with its payload's version, sorted."""
    return sorted({f"{job.function} (payload version {job.payload_version})" for job in jobs})
