"""Shapes of the status (O-8)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pedidos_common.domain.runs import Phase

QueueStateName = Literal["running", "paused", "closed"]
RUN_ID = "01934f1e-7c00-8a1b-8c3d-4e0000000000"
ORDER_ID = "01934f1e-7c00-8a1b-8c3d-4e0000000001"

COUNTED = 20_001
COUNTED_UP_TO = "jobs of one queue and status are counted no further: so many means so many or more"


class Wire(BaseModel):
    """Base of all shapes: fields have the names that clients see."""

    model_config = ConfigDict(extra="allow", use_enum_values=True)


class Problem(Wire):
    """A problem detail (RFC 9457): what happened, to what, and what to do next."""

    type: str = Field(examples=["/problems/invalid-input"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["quantity must be a whole number from 1 to 1500000, but was '0'"])
    instance: str = Field(examples=["/pedidos/generate"])
    traceId: str | None = Field(None, examples=["4bf92f3577b34da6a3ce929d0e0e4736"])


class Window(Wire):
    """Processing of one priority: server times, milliseconds, and orders that became final."""

    start: str | None = Field(None, examples=["2025-01-02T03:04:05.678Z"])
    end: str | None = Field(None, examples=["2025-01-02T03:04:09.012Z"])
    timeMs: float | None = Field(None, examples=[3334])
    count: int = Field(0, examples=[100_000], description="orders that are processado")
    failed: int = Field(0, examples=[0], description="orders that are falhou")


class Processing(Wire):
    """Processing by priority."""

    vip: Window
    normal: Window


class Counts(Wire):
    """Orders that exist, by priority."""

    vip: int = Field(examples=[100_000])
    normal: int = Field(examples=[900_000])


class Throughput(Wire):
    """Orders a second; null until there is a basis."""

    vip: float | None = Field(None, examples=[91_000.5])
    normal: float | None = Field(None, examples=[120_300.2])
    overall: float | None = Field(None, examples=[83_000.0])


class Eta(Wire):
    """What is left, in milliseconds and percent; null until there is a basis.

    There is no time left to tell while the queue is paused or closed.
    """

    estimatedMs: float | None = Field(None, examples=[4200])
    progressPercent: float | None = Field(None, examples=[61.5])


class Progress(Wire):
    """Orders wanted, written, and final (processado or falhou)."""

    target: int = Field(examples=[1_000_000])
    generated: int = Field(examples=[1_000_000])
    processedTotal: int = Field(examples=[615_000])


class Status(Wire):
    """The current run, or what was the last one since the last reset."""

    phase: Phase = Field(examples=["WAITING_NORMAL_DRAIN"])
    lastRunId: str | None = Field(None, examples=[RUN_ID])
    generationTimeMs: float | None = Field(None, examples=[8000])
    enqueueVipTimeMs: float | None = Field(None, examples=[7800])
    enqueueNormalTimeMs: float | None = Field(None, examples=[3100])
    processing: Processing
    totalTimeMs: float | None = Field(None, examples=[12_400])
    counts: Counts
    throughput: Throughput
    eta: Eta
    progress: Progress
    error: str | None = None
    queueState: QueueStateName = "running"


class Worker(Wire):
    """A live process and its last heartbeat."""

    name: str = Field(examples=["worker-host-4711"])
    service: str = Field(examples=["worker"])
    host: str = Field(examples=["host"])
    pid: int = Field(examples=[4711])
    queues: list[str] = Field(examples=[["orders"]])
    slots: int = Field(examples=[25])
    busy: int = Field(examples=[3])
    lastHeartbeat: str = Field(examples=["2025-01-02T03:04:05.678Z"])
    ageSeconds: float = Field(examples=[1.2])


class RedisHealth(Wire):
    """Whether Redis answers, and what it does when its memory is full."""

    evictionPolicy: str | None = Field(None, examples=["noeviction"])
    ok: bool = True


class StoreRoom(Wire):
    """How full a server's memory or disk is."""

    store: Literal["redis_memory", "mongo_disk"]
    usedBytes: int = Field(examples=[52_000_000])
    totalBytes: int = Field(examples=[268_000_000])
    nearlyFull: bool = Field(description="over 80 % of the memory, or 90 % of the disk")


class QueueHealth(Wire):
    """How the queue is, and what is wrong."""

    status: Literal["healthy", "degraded", "paused", "aborted", "error"]
    waiting: int = Field(examples=[12])
    active: int = Field(examples=[4])
    completed: int = Field(examples=[981])
    failed: int = Field(examples=[0])
    delayed: int = Field(examples=[0])
    countedUpTo: int = Field(examples=[COUNTED], description=COUNTED_UP_TO)
    phase: Phase = Field(examples=["WAITING_VIP_DRAIN"])
    generating: bool
    enqueueing: bool
    processing: bool
    hasFailedJobs: bool = Field(description="a job or an order used up its retries")
    isStuck: bool = Field(description="work is outstanding while nothing moves")
    aborted: bool
    queueState: QueueStateName
    workers: list[Worker]
    redis: RedisHealth
    room: list[StoreRoom] = Field(description="of the servers that tell it")
    warnings: list[str] = Field(examples=[[]])


class Logs(Wire):
    """The newest log lines of all services, oldest first."""

    lines: list[dict[str, Any]] = Field(
        examples=[[{"timestamp": "2025-01-02T03:04:05.678Z", "event": "run_started"}]]
    )


class Alive(Wire):
    """The process answers."""

    status: Literal["ok"] = Field("ok", examples=["ok"])
