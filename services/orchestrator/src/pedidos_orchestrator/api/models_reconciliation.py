"""Shapes of reconciliations: what was compared, and what differed."""

from __future__ import annotations

from pydantic import Field

from pedidos_orchestrator.api.models_status import Wire

REPORT_ID = "reconcile:20260301T1030"


class DifferenceShape(Wire):
    """One difference. `about` is a payment, checkout or product; `repair` what was done about it,
    and `none` is for people to look at."""

    kind: str = Field(examples=["captured_without_order"])
    about: str = Field(examples=["pay_ry3xhi4d2kqaz5vmw7tn6plgbe"])
    detail: str = Field(examples=["ch_7 is captured with 18.00 EUR at the provider"])
    repair: str = Field(examples=["refund"])


class ReconciliationShape(Wire):
    """What one reconciliation saw and found.

    `seen`, `counts` and `repairs` are whole; of the differences the first 200 are listed. One that
    is not `complete` did as much as one run may, and the next one goes on there.
    """

    id: str = Field(examples=[REPORT_ID])
    startedAt: str
    finishedAt: str | None = None
    complete: bool
    seen: dict[str, int] = Field(examples=[{"payments": 120, "holds": 3, "products": 120}])
    counts: dict[str, int] = Field(examples=[{"captured_without_order": 1}])
    repairs: dict[str, int] = Field(examples=[{"refund": 1}])
    differences: list[DifferenceShape]


class ReconciliationPageShape(Wire):
    """Reconciliations, newest first."""

    items: list[ReconciliationShape]
    cursor: str | None = None


class ReconciliationAsked(Wire):
    """The job that compares; its report has the same id."""

    id: str = Field(examples=["reconcile:20260301T103105-asked"])
