"""Shapes of runs, imports, and what changes a run."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pedidos_common.domain.runs import Phase, Source
from pedidos_orchestrator.api.models_status import RUN_ID, QueueStateName, Throughput, Wire


class Started(Wire):
    """A run that has just become active."""

    runId: str = Field(examples=[RUN_ID])
    quantity: int = Field(examples=[1_000_000])
    seed: int = Field(examples=[42])
    phase: Phase = Field(examples=["GENERATING"])


class PlanShape(Wire):
    """What was frozen when the run started; sizes in orders."""

    quantity: int = Field(examples=[1_000_000])
    chunkSize: int = Field(examples=[10_000])
    batchSize: int = Field(examples=[1_000])
    normalGroupSize: int = Field(examples=[10_000])
    seed: int = Field(examples=[42])
    generatorVersion: int = Field(examples=[1])
    chunks: int = Field(examples=[100])


class PhaseAt(Wire):
    """When a phase began."""

    phase: Phase = Field(examples=["GENERATING"])
    at: str = Field(examples=["2025-01-02T03:04:05.678Z"])


class ReceiptCounts(Wire):
    """What was accepted, and what became of it in the store, in orders.

    `balanced` says that the counts agree with the run's own figures; `resumes` tells which end
    of the run it is about.
    """

    accepted: int = Field(examples=[1_000_000])
    generated: int = Field(examples=[1_000_000])
    processed: int = Field(examples=[999_998])
    failed: int = Field(examples=[2])
    pending: int = Field(examples=[0])
    deletedByCancel: int = Field(0, examples=[0])
    balanced: bool = Field(examples=[True])
    resumes: int = Field(0, examples=[0])


class CancelReport(Wire):
    """What a cancel did; null is what it has not come to yet."""

    cancelledJobs: int | None = Field(None, examples=[40])
    deletedPending: int | None = Field(None, examples=[38_000])
    removePending: bool | None = Field(None, examples=[True])
    purgedRings: int | None = Field(None, examples=[40])
    drained: bool | None = Field(None, examples=[True])


class RunShape(Wire):
    """A run and its figures; times in ISO 8601 UTC, durations in milliseconds."""

    runId: str = Field(examples=[RUN_ID])
    phase: Phase = Field(examples=["DONE"])
    createdAt: str = Field(examples=["2025-01-02T03:04:05.678Z"])
    quantity: int = Field(examples=[1_000_000])
    seed: int = Field(examples=[42])
    source: Source = Field(examples=["generated"])
    importId: str | None = None
    plan: PlanShape
    settings: dict[str, int | float] = Field(examples=[{"ORDERS_BATCH_SIZE": 1000}])
    phases: list[PhaseAt]
    generationTimeMs: float | None = Field(None, examples=[8000])
    enqueueVipTimeMs: float | None = Field(None, examples=[7800])
    enqueueNormalTimeMs: float | None = Field(None, examples=[3100])
    processingTimeVIPMs: float | None = Field(None, examples=[3334])
    processingTimeNormalMs: float | None = Field(None, examples=[4100])
    startVIP: str | None = Field(None, examples=["2025-01-02T03:04:05.678Z"])
    endVIP: str | None = None
    startNormal: str | None = None
    endNormal: str | None = None
    totalProcessedVIP: int | None = Field(None, examples=[100_000])
    totalProcessedNormal: int | None = Field(None, examples=[900_000])
    totalFailedVIP: int | None = Field(None, examples=[0])
    totalFailedNormal: int | None = Field(None, examples=[0])
    totalTimeMs: float | None = Field(None, examples=[12_400])
    throughput: Throughput | None = None
    error: str | None = None
    receipt: ReceiptCounts | None = Field(None, description="counts over its orders at the end")
    cancelled: CancelReport | None = Field(None, description="what a cancel did")
    resumes: int = Field(0, examples=[0])
    jobsExpired: str | None = Field(None, description="when retention removed its jobs")
    ordersExpired: str | None = Field(None, description="when retention removed its orders")


class RunPage(Wire):
    """Runs, newest first; `cursor` asks for the next page and is null on the last."""

    items: list[RunShape]
    cursor: str | None = Field(None, examples=[RUN_ID])


class Difference(Wire):
    """A field in which two runs differ; `ratio` is b / a where both are numbers."""

    a: Any = Field(examples=[12_400])
    b: Any = Field(examples=[11_900])
    ratio: float | None = Field(None, examples=[0.9597])


class Comparison(Wire):
    """Two runs and every field in which they differ."""

    a: RunShape
    b: RunShape
    differences: dict[str, Difference]


class Receipt(Wire):
    """Counts over the orders of a run that is over, as its audit took them."""

    runId: str = Field(examples=[RUN_ID])
    phase: Phase = Field(examples=["DONE"])
    receipt: ReceiptCounts


class CancelResult(Wire):
    """What a cancel did; `drained` says that nothing of the run is active any more."""

    cancelled: bool
    runId: str | None = Field(None, examples=[RUN_ID])
    phase: Phase = Field(examples=["ABORTED"])
    cancelledJobs: int = Field(0, examples=[40])
    deletedPending: int = Field(0, examples=[38_000])
    removePending: bool = Field(False, description="whether `pendente` orders were to go")
    purgedRings: int = Field(0, examples=[40])
    drained: bool
    message: str = Field(examples=[f"run {RUN_ID} is cancelled"])


class ResetResult(Wire):
    """What a reset deleted."""

    reset: bool = True
    phase: Phase = Field(Phase.IDLE, examples=["IDLE"])
    deletedOrders: int = Field(examples=[1_000_000])
    deletedJobs: int = Field(examples=[1_100])
    purgedRings: int = Field(examples=[0])
    historyDeleted: bool = False
    queueState: QueueStateName = "running"


class RejectionShape(Wire):
    """A rejected row: its line number in the file, and why."""

    line: int = Field(examples=[17])
    reason: str = Field(examples=["valor 'abc' is not an amount"])


class ImportShape(Wire):
    """What became of an upload; `rejections` holds the first 1,000."""

    id: str = Field(examples=["imp-01934f1e7c00"])
    sha256: str = Field(
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    )
    sizeBytes: int = Field(examples=[220_102])
    rows: int = Field(examples=[6_919])
    accepted: int = Field(examples=[6_909])
    rejected: int = Field(examples=[10])
    rejections: list[RejectionShape]
    tiers: dict[str, int] = Field(examples=[{"DIAMANTE": 2_140, "BRONZE": 1_720}])
    tierRule: bool = Field(description="whether tiers follow from total spend in the file")
    columns: dict[str, str] = Field(examples=[{"cliente": "customer_id", "valor": "amount"}])
    ignoredColumns: list[str] = Field(examples=[[]])


class ImportStarted(Started):
    """A run that started from a file."""

    import_: ImportShape = Field(alias="import")


class DryRun(Wire):
    """What an import would do."""

    dryRun: bool = True
    import_: ImportShape = Field(alias="import")
