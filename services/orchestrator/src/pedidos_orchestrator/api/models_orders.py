"""Shapes of orders, jobs and dead letters."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.orders import OrderStatus, Priority, Tier
from pedidos_orchestrator.api.models_status import (
    COUNTED,
    COUNTED_UP_TO,
    ORDER_ID,
    RUN_ID,
    QueueStateName,
    Wire,
)

MAX_IDS = 1_000
JobId = Annotated[str, Field(min_length=1, max_length=300)]


class OrderShape(Wire):
    """An order; `valor` is a text with two decimals, so that no reader makes a float of it."""

    id: str = Field(examples=[ORDER_ID])
    runId: str = Field(examples=[RUN_ID])
    cliente: str = Field(examples=["Beatriz Nogueira"])
    valor: str = Field(examples=["129.90"])
    tier: Tier = Field(examples=["DIAMANTE"])
    priority: Priority = Field(examples=["VIP"])
    status: OrderStatus = Field(examples=["processado"])
    observacoes: str = Field(examples=["enviado com prioridade"])
    createdAt: str = Field(examples=["2025-01-02T03:04:05.678Z"])
    processedAt: str | None = None
    failedAt: str | None = None
    attempts: int = Field(examples=[1])
    error: str | None = None
    externalId: str | None = None
    orderedAt: str | None = None
    quantidade: int | None = None


class OrderPage(Wire):
    """Orders by id; `cursor` asks for the next page and is null on the last."""

    items: list[OrderShape]
    cursor: str | None = Field(None, examples=[ORDER_ID])


class JobShape(Wire):
    """A job of the ledger."""

    id: str = Field(examples=[f"{RUN_ID}:vip:000012:00003"])
    function: str = Field(examples=["orders.process_batch"])
    queue: str = Field(examples=["orders"])
    band: str = Field(examples=["HIGH"])
    scope: str | None = Field(None, examples=[RUN_ID])
    status: JobStatus = Field(examples=["succeeded"])
    deliveries: int = Field(examples=[1])
    lost: int = Field(examples=[0])
    attempts: int = Field(examples=[0])
    createdAt: str = Field(examples=["2025-01-02T03:04:05Z"], description="to the second")
    claimedAt: str | None = None
    settledAt: str | None = None
    dueAt: str | None = None
    worker: str | None = Field(None, examples=["worker-host-4711"])
    result: dict[str, Any] = Field(examples=[{"processed": 1000, "failed": 0}])
    error: str | None = None
    payload: dict[str, Any] = Field(examples=[{"first": 1, "last": 1000}])


class JobPage(Wire):
    """Jobs, newest first; `cursor` asks for the next page and is null on the last."""

    items: list[JobShape]
    cursor: str | None = None


class DeadLetters(Wire):
    """Orders that are `falhou`, and jobs that failed; each with a cursor of its own."""

    orders: OrderPage
    jobs: JobPage


# what `_names_something` asks for, as a schema can say it
EVERYTHING: dict[str, Any] = {
    "required": ["all"],
    "properties": {"all": {"const": True}, "orderIds": {"maxItems": 0}, "jobIds": {"maxItems": 0}},
}
SOMETHING: dict[str, Any] = {
    "properties": {"all": {"const": False}},
    "anyOf": [
        {"required": [name], "properties": {name: {"minItems": 1}}}
        for name in ("orderIds", "jobIds")
    ],
}


class RedriveRequest(BaseModel):
    """What to send again: orders and jobs by id, or everything (`all`)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"all": True}, {"orderIds": [ORDER_ID]}],
            "oneOf": [EVERYTHING, SOMETHING],
        },
    )

    orderIds: list[UUID] = Field(default_factory=list, max_length=MAX_IDS)
    jobIds: list[JobId] = Field(default_factory=list, max_length=MAX_IDS)
    all: StrictBool = False

    @model_validator(mode="after")
    def _names_something(self) -> RedriveRequest:
        if self.all == bool(self.orderIds or self.jobIds):
            raise ValueError("give orderIds or jobIds, or all=true, and not both")
        return self


class RedriveResult(Wire):
    """How much was sent again; `redriveJobs` names the (first 1,000) jobs that do it."""

    orders: int = Field(examples=[12])
    jobs: int = Field(examples=[0])
    redriveJobs: list[str] = Field(examples=[[f"redrive:{RUN_ID}"]])


class EraseRequest(BaseModel):
    """Whose name is to be erased."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"cliente": "Beatriz Nogueira"}]}
    )

    cliente: str = Field(min_length=1, max_length=500)


class EraseResult(Wire):
    """In how many orders of runs, checkouts, and orders placed live the name stood."""

    orders: int = Field(examples=[7])
    checkouts: int = Field(examples=[2])
    placedOrders: int = Field(examples=[2])


class QueueChange(Wire):
    """The queue's state from now on."""

    state: QueueStateName = Field(examples=["paused"])


class JobCounts(Wire):
    """Jobs by status."""

    queued: int = Field(examples=[12])
    running: int = Field(examples=[4])
    retrying: int = Field(examples=[0])
    succeeded: int = Field(examples=[981])
    failed: int = Field(examples=[0])
    cancelled: int = Field(examples=[0])


class Rings(Wire):
    """Rings that the broker holds, by queue; null where it does not answer."""

    generation: int | None = Field(None, examples=[8])
    orders: int | None = Field(None, examples=[12])
    notifications: int | None = Field(None, examples=[0])


class QueueStatus(Wire):
    """Jobs by status, under the ledger's names and under those that clients know."""

    state: QueueStateName
    jobs: JobCounts
    waiting: int = Field(examples=[12])
    active: int = Field(examples=[4])
    completed: int = Field(examples=[981])
    failed: int = Field(examples=[0])
    delayed: int = Field(examples=[0])
    cancelled: int = Field(examples=[0])
    countedUpTo: int = Field(examples=[COUNTED], description=COUNTED_UP_TO)
    rings: Rings


class CleanResult(Wire):
    """How many jobs went, and how many rings."""

    state: Literal["wait", "delayed", "completed", "failed"]
    removed: int = Field(examples=[40])
    purgedRings: int = Field(0, examples=[12])
