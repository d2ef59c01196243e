"""What every route is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import HTTPConnection

from pedidos_common.domain.jobs import Job
from pedidos_common.ports import Page, QueueDepth
from pedidos_orchestrator.api.checkout_watchers import CheckoutWatchers
from pedidos_orchestrator.api.live import StatusBroadcast
from pedidos_orchestrator.api.status_reading import CachedQueueState
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.http.fresh_status import Fresh
from pedidos_orchestrator.page import PageFile
from pedidos_orchestrator.problems import ProblemError, invalid, not_found
from pedidos_orchestrator.use_cases.checkout.accepting import Desk
from pedidos_orchestrator.use_cases.export import ExportSlots
from pedidos_orchestrator.use_cases.queue_health import QueueFacts
from pedidos_orchestrator.use_cases.redrive import Redrive
from pedidos_orchestrator.views import job_view

MAX_PAGE = 1_000
BEHIND_JOB = "after:"


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The application's parts."""

    deps: Deps
    settings: ApiSettings
    queue_state: CachedQueueState
    status: Fresh[bytes]
    counts: Fresh[Sequence[QueueDepth]]
    queues: Fresh[Sequence[QueueFacts]]
    broadcast: StatusBroadcast
    redrive: Redrive
    exports: ExportSlots
    page: Mapping[str, PageFile]
    description: Mapping[str, bytes]
    desk: Desk
    checkout_watchers: CheckoutWatchers


async def _context(connection: HTTPConnection) -> ApiContext:
    found: ApiContext = connection.app.state.context
    return found


Context = Annotated[ApiContext, Depends(_context)]
PageLimit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="how many at most")]
UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
LONGEST_CURSOR = 400
CURSOR = "where the page before this one ended"
# patterns that are described only: `id_cursor` and `job_cursor` refuse in better words
IdCursor = Annotated[
    str | None,
    Query(
        max_length=LONGEST_CURSOR,
        description=CURSOR,
        json_schema_extra={"pattern": UUID_PATTERN},
    ),
]
JobCursor = Annotated[
    str | None,
    Query(
        max_length=LONGEST_CURSOR,
        description=CURSOR,
        json_schema_extra={"pattern": f"^{BEHIND_JOB}."},
    ),
]
RunFilter = Annotated[str | None, Query(pattern=UUID_PATTERN, description="id of a run")]


def parse_id(text: str) -> UUID | None:
    """The id in its canonical form, or None: nothing has an id in another form."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def known_id(kind: str, text: str) -> UUID:
    """The id of a thing that a path names.

    Raises:
        ProblemError: 404, when the text is no id.
    """
    found = parse_id(text)
    if found is None:
        raise not_found(kind, text)
    return found


def id_cursor(text: str | None, name: str = "cursor") -> str | None:
    """The cursor of a listing by ids of runs or orders, in its canonical form.

    Raises:
        ProblemError: 422, when no page gave it.
    """
    if text is None:
        return None
    found = parse_id(text)
    if found is None:
        raise _bad_cursor(name)
    return str(found)


def job_cursor(text: str | None, name: str = "cursor") -> str | None:
    """The id of the job behind which a listing goes on; ids have many forms, a cursor has one.

    Raises:
        ProblemError: 422, when no page gave it.
    """
    if text is None:
        return None
    job_id = text.removeprefix(BEHIND_JOB)
    if not job_id or job_id == text:
        raise _bad_cursor(name)
    return job_id


def job_page(page: Page[Job]) -> dict[str, Any]:
    """A page of jobs as clients see it."""
    cursor = page.cursor and f"{BEHIND_JOB}{page.cursor}"
    return {"items": [job_view(job) for job in page.items], "cursor": cursor}


def _bad_cursor(name: str) -> ProblemError:
    return invalid(name, "must be the cursor that the page before gave")
