"""What clients call the states of jobs."""

from __future__ import annotations

from collections.abc import Mapping

from pedidos_common.domain.jobs import JobStatus

STATUS_OF: Mapping[str, JobStatus] = {
    "waiting": JobStatus.QUEUED,
    "active": JobStatus.RUNNING,
    "delayed": JobStatus.RETRYING,
    "completed": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
}
