"""What every route is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import HTTPConnection

from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.export import ExportSlots
from pedidos_orchestrator.fresh_status import FreshStatus
from pedidos_orchestrator.live import StatusBroadcast
from pedidos_orchestrator.problems import invalid, not_found
from pedidos_orchestrator.redrive import Redrive
from pedidos_orchestrator.status import CachedQueueState

MAX_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The application's parts."""

    deps: Deps
    settings: ApiSettings
    queue_state: CachedQueueState
    status: FreshStatus
    broadcast: StatusBroadcast
    redrive: Redrive
    exports: ExportSlots


async def _context(connection: HTTPConnection) -> ApiContext:
    found: ApiContext = connection.app.state.context
    return found


Context = Annotated[ApiContext, Depends(_context)]
PageLimit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="how many at most")]
Cursor = Annotated[
    str | None, Query(max_length=400, description="where the page before this one ended")
]
UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
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


def bad_cursor(name: str = "cursor") -> Exception:
    """The problem of a cursor that no page gave."""
    return invalid(name, "must be the cursor that the page before gave")
