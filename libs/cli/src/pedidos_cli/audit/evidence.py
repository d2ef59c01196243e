"""What the database holds about one run, as plain values."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from bson.errors import BSONError
from pymongo.database import Database

from pedidos_cli.audit.handler_facts import HandlerFacts, read_handlers
from pedidos_cli.audit.job_facts import JobFacts, read_jobs, read_redrives
from pedidos_cli.audit.order_facts import OrderFacts, bounds, read_orders
from pedidos_cli.audit.run_facts import AuditImpossible, RunFacts, run_facts
from pedidos_cli.audit.strays import read_strays

Documents = Database[dict[str, Any]]
RECEIPT_SECONDS = 10.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the checks look at.

    `redriven` counts the orders of the run that a redrive had in its hands while they were read;
    `strays` are orders of no known run; `handlers` says whose observations the orders hold;
    `import_accepted` counts the rows that the run's import accepted, None where the run imported
    nothing.
    """

    run: RunFacts
    jobs: JobFacts
    orders: OrderFacts
    redriven: int
    strays: tuple[str, ...]
    handlers: HandlerFacts
    import_accepted: int | None


def gather(database: Documents, run_id: str | None) -> Evidence:
    """Read a run, the newest where none is named.

    Raises:
        AuditImpossible: when there is no such run.
    """
    run = _with_receipt(database, run_facts(_find(database, run_id)))
    # Jobs before orders: of a run that goes on, orders may be ahead of jobs but never behind.
    jobs = read_jobs(database, run.id)
    since = database.client.admin.command("hello")["localTime"]
    orders = read_orders(database, UUID(run.id), run.quantity, run.chunk_size)
    return Evidence(
        run=run,
        jobs=jobs,
        orders=orders,
        redriven=read_redrives(database, *bounds(UUID(run.id)), since),
        strays=read_strays(database),
        handlers=read_handlers(database, UUID(run.id), jobs, orders),
        import_accepted=_accepted(database, run.import_id),
    )


def _with_receipt(database: Documents, run: RunFacts) -> RunFacts:
    """A run that has just ended is about to get its receipt: that is worth a moment."""
    patience = time.monotonic() + RECEIPT_SECONDS
    while _is_due(database, run) and time.monotonic() < patience:
        time.sleep(POLL_SECONDS)
        found = database.process_runs.find_one({"_id": run.id})
        if found is None:
            break
        run = run_facts(found)
    return run


def _is_due(database: Documents, run: RunFacts) -> bool:
    if not run.done or run.hidden or run.receipt is not None or not run.phases:
        return False
    now = database.client.admin.command("hello")["localTime"].replace(tzinfo=UTC)
    return bool(now - run.phases[-1][1] < timedelta(seconds=RECEIPT_SECONDS))


def _find(database: Documents, run_id: str | None) -> Mapping[str, Any]:
    if run_id is None:
        # what a reset holds while it wipes is no run
        newest = database.process_runs.find_one({"_id": {"$ne": "reset"}}, sort=[("_id", -1)])
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


def _accepted(database: Documents, import_id: str | None) -> int | None:
    if import_id is None:
        return None
    found = database.imports.find_one({"_id": import_id}) or {}
    return int((found.get("report") or {}).get("accepted", -1))
