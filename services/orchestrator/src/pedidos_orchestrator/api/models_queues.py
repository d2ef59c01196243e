"""Shapes of queues: how they stand, how they are worked, and their dead letters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pedidos_orchestrator.api.models_status import Wire
from pedidos_orchestrator.use_cases.dead_letters import MOST_REDRIVEN

QUEUE = "payment-processing"
FINGERPRINT = "3f1c0a9b5d7e2468"
SingleState = Literal["running", "paused", "draining"]


def _whole(value: object) -> object:
    """2.0 is whole for JSON Schema, and the text "2" is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[int, Field(strict=True), BeforeValidator(_whole)]


class QueueFigures(Wire):
    """How a queue stands; counts end at `countedUpTo`, so there they mean so many or more."""

    queue: str = Field(examples=[QUEUE])
    state: SingleState = Field(examples=["running"], description="paused where all queues are")
    waiting: int = Field(examples=[12])
    active: int = Field(examples=[3])
    delayed: int = Field(examples=[1], description="tried before, due later")
    completed: int = Field(examples=[981])
    failed: int = Field(examples=[2], description="dead letters")
    oldestAgeMs: int = Field(examples=[840], description="how long its oldest job has waited")
    workers: int = Field(examples=[2], description="live processes that take its jobs")
    overLimit: bool = Field(examples=[False], description="more wait than are taken in")
    stuck: bool = Field(examples=[False], description="its oldest job waits too long")
    unserved: bool = Field(examples=[False], description="no process takes its jobs")
    healthy: bool = Field(examples=[True])
    reasons: list[str] = Field(examples=[[]], description="why it is not healthy")


class QueuesHealth(Wire):
    """All queues; `healthy` when each of them is."""

    status: Literal["healthy", "unhealthy"] = Field(examples=["healthy"])
    countedUpTo: int = Field(examples=[10_000])
    queues: list[QueueFigures]


class RateShape(Wire):
    """So many jobs are started in so long, over all workers."""

    jobs: int = Field(examples=[1_000])
    perMs: int = Field(examples=[60_000])


class ScaleShape(Wire):
    """Bounds of a queue's worker processes, and by how many waiting jobs they change."""

    least: int = Field(examples=[1])
    most: int = Field(examples=[8])
    growAbove: int = Field(examples=[100])
    shrinkBelow: int = Field(examples=[10])
    growBy: int = Field(examples=[2])


class PolicyShape(Wire):
    """How a queue is worked; null is no limit."""

    jobsAtOnce: int | None = Field(None, examples=[3], description="in one process")
    rate: RateShape | None = None
    maxAttempts: int = Field(examples=[5])
    retryBaseMs: int = Field(examples=[2_000])
    retryCapMs: int = Field(examples=[300_000])
    vipAheadMs: int = Field(examples=[60_000])
    syncAbove: int | None = Field(None, examples=[10_000])
    refuseAbove: int | None = Field(None, examples=[20_000])
    keepCompleted: int = Field(examples=[50])
    keepFailed: int = Field(examples=[100])
    workedWithinMs: int = Field(examples=[300_000])
    scale: ScaleShape


class QueueShape(QueueFigures):
    """A queue with its policy."""

    policy: PolicyShape


class QueueList(Wire):
    """Every queue of the table."""

    countedUpTo: int = Field(examples=[10_000])
    checkout: bool = Field(description="whether checkout is set up", examples=[True])
    queues: list[QueueShape]


class SingleQueueChange(Wire):
    """The queue's own state from now on."""

    queue: str = Field(examples=[QUEUE])
    state: SingleState = Field(examples=["paused"])


class DeadLetterGroup(Wire):
    """Failed jobs of one kind: the same function, and the same words but for what is one job's."""

    fingerprint: str = Field(examples=[FINGERPRINT])
    function: str = Field(examples=["process-payment"])
    error: str = Field(examples=["the provider answered 503"], description="the newest one's")
    count: int = Field(examples=[7])
    first: str = Field(examples=["2025-01-02T03:04:05.678Z"])
    last: str = Field(examples=["2025-01-02T04:05:06.789Z"])


class DeadLetterGroups(Wire):
    """The largest groups first; not `complete` where there are older failures than looked at."""

    queue: str = Field(examples=[QUEUE])
    lookedAt: int = Field(examples=[9])
    complete: bool = Field(examples=[True])
    groups: list[DeadLetterGroup]


class QueueRedriveRequest(BaseModel):
    """How many jobs of the group are sent again at most, those first that failed first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"limit": 100}]})

    limit: WholeNumber = Field(1_000, ge=1, le=MOST_REDRIVEN)


class QueueRedriveResult(Wire):
    """How many jobs wait again, under their own ids, and how many of the group are left."""

    queue: str = Field(examples=[QUEUE])
    fingerprint: str = Field(examples=[FINGERPRINT])
    redriven: int = Field(examples=[7])
    left: int = Field(examples=[0])
    complete: bool = Field(examples=[True], description="False where older failures were not seen")
