"""What the database holds about one run, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from bson.errors import BSONError
from pymongo.database import Database

from pedidos_cli.audit.job_facts import JobFacts, read_jobs, read_redrives
from pedidos_cli.audit.order_facts import OrderFacts, bounds, read_orders, read_strays

Documents = Database[dict[str, Any]]

ENDED = frozenset({"DONE", "ABORTED", "ERROR"})


class AuditImpossible(Exception):
    """There is nothing to audit: no run, or not the one that was named."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run's own record; `totals` are its flat figures, `deleted` what a cancel removed."""

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

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.phase in ENDED

    @property
    def done(self) -> bool:
        """Whether the run came to its regular end."""
        return self.phase == "DONE"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the checks look at.

    `redriven` counts the orders of the run that a redrive had in its hands while they were read;
    `strays` are run ids that orders carry and no run has; `import_accepted` counts the rows that
    the run's import accepted, None where the run imported nothing.
    """

    run: RunFacts
    jobs: JobFacts
    orders: OrderFacts
    redriven: int
    strays: tuple[str, ...]
    import_accepted: int | None


def gather(database: Documents, run_id: str | None) -> Evidence:
    """Read a run, the newest where none is named.

    Raises:
        AuditImpossible: when there is no such run.
    """
    run = _run(_find(database, run_id))
    # Jobs before orders: of a run that goes on, orders may be ahead of jobs but never behind.
    jobs = read_jobs(database, run.id)
    since = database.client.admin.command("hello")["localTime"]
    orders = read_orders(database, UUID(run.id), run.quantity, run.chunk_size)
    redriven = read_redrives(database, *bounds(UUID(run.id)), since)
    accepted = _accepted(database, run.import_id)
    return Evidence(run, jobs, orders, redriven, read_strays(database), accepted)


def _find(database: Documents, run_id: str | None) -> Mapping[str, Any]:
    if run_id is None:
        newest = database.process_runs.find_one({"plan": {"$exists": True}}, sort=[("_id", -1)])
        if newest is None:
            raise AuditImpossible(f"database {database.name!r} has no run yet: start one first")
        return newest
    try:
        wanted = UUID(run_id)
        found = database.process_runs.find_one({"_id": {"$in": [str(wanted), wanted]}})
    except (ValueError, BSONError):
        raise AuditImpossible(f"{run_id!r} is not a run id: `pedidos runs` lists them") from None
    if found is None:
        raise AuditImpossible(f"run {run_id} is unknown: `pedidos runs` lists those that exist")
    return found


def _run(document: Mapping[str, Any]) -> RunFacts:
    plan = document["plan"]
    quantity, chunk_size = int(plan["quantity"]), int(plan["chunkSize"])
    names = ("Processed", "Failed")
    totals = {f"total{name}{kind}" for name in names for kind in ("VIP", "Normal")}
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
        totals={name: document.get(name) for name in sorted(totals)},
    )


def _accepted(database: Documents, import_id: str | None) -> int | None:
    if import_id is None:
        return None
    found = database.imports.find_one({"_id": import_id}) or {}
    return int((found.get("report") or {}).get("accepted", -1))
