"""The run's own record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ENDED = frozenset({"DONE", "ABORTED", "ERROR"})
WINDOWS = ("startVIP", "endVIP", "startNormal", "endNormal")
TOTALS = ("totalFailedNormal", "totalFailedVIP", "totalProcessedNormal", "totalProcessedVIP")


class AuditImpossible(Exception):
    """There is nothing to audit: no run, not the one that was named, or no record to go by."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run's own record.

    `totals` are its flat figures and `windows` its flat times, `deleted` what a cancel removed,
    `generated` how many orders it says to have written (None: it does not say), `receipt` the
    counts at its present end (None: there are none yet). `jobs_gone` and `orders_gone` say since
    when retention removes its jobs or orders, None where it did not.
    """

    id: str
    phase: str
    hidden: bool
    quantity: int
    chunk_size: int
    chunks: int
    import_id: str | None
    deleted: int
    phases: tuple[tuple[str, datetime], ...]
    totals: Mapping[str, int | None] = field(default_factory=dict)
    windows: Mapping[str, Any] = field(default_factory=dict)
    generated: int | None = None
    receipt: Mapping[str, Any] | None = None
    jobs_gone: datetime | None = None
    orders_gone: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.phase in ENDED

    @property
    def done(self) -> bool:
        """Whether the run came to its regular end."""
        return self.phase == "DONE"


def run_facts(document: Mapping[str, Any]) -> RunFacts:
    """The facts of a document of `process_runs`.

    Raises:
        AuditImpossible: when it has no plan to go by.
    """
    try:
        return _run_facts(document)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise AuditImpossible(
            f"the document of run {document.get('_id')} in process_runs has no plan or phase that "
            f"could be read ({type(error).__name__}: {error}), so nobody knows what to expect of "
            "it. Audit another run with --run, or restore the document"
        ) from None


def _run_facts(document: Mapping[str, Any]) -> RunFacts:
    plan = document["plan"]
    quantity, chunk_size = int(plan["quantity"]), int(plan["chunkSize"])
    return RunFacts(
        id=str(document["_id"]),
        phase=document["phase"],
        hidden=bool(document.get("hidden")),
        quantity=quantity,
        chunk_size=chunk_size,
        chunks=-(-quantity // chunk_size),
        import_id=plan.get("importId"),
        deleted=int((document.get("cancelled") or {}).get("deletedPending") or 0),
        phases=tuple((entry["phase"], entry["at"]) for entry in document.get("phases", ())),
        totals={name: document.get(name) for name in TOTALS},
        windows={name: document.get(name) for name in WINDOWS},
        generated=(document.get("live") or {}).get("generated"),
        receipt=_receipt(document),
        jobs_gone=document.get("jobsExpired"),
        orders_gone=document.get("ordersExpired"),
    )


def _receipt(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    # One of an end that a resume took back is no receipt of this one.
    receipt = document.get("receipt")
    if not receipt or receipt.get("resumes", 0) != document.get("resumes", 0):
        return None
    return dict(receipt)
