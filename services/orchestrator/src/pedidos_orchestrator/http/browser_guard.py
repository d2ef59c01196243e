"""Keeps pages of other sites from an API that has no key.

A browser sends their requests from inside, so an address that only this machine or network
reaches does not stop them. It names the page's site in `Origin` wherever a request could change
something. A site whose name was bent to our address (DNS rebinding) counts as ours to the
browser and may even read; on loopback it is known by its name.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pedidos_common.runtime.listening import is_loopback
from pedidos_orchestrator.http.security import OPEN_PATHS, refuse
from pedidos_orchestrator.methods import SAFE_METHODS
from pedidos_orchestrator.problems import ProblemError, shortened

DEFAULT_PORTS = {"http": 80, "https": 443}
REMEDY = "set API_KEY to serve it to others"


class BrowserGuard:
    """Answers 403 to what a page of another site could send; programs send no `Origin`."""

    def __init__(self, app: ASGIApp, loopback_only: bool) -> None:
        self._app = app
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or go on."""
        problem = None if scope["type"] == "lifespan" else self._problem(scope)
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await refuse(problem, scope, receive, send)

    def _problem(self, scope: Scope) -> ProblemError | None:
        if scope["path"] in OPEN_PATHS:
            return None
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._loopback_only and not _is_loopback_name(host):
            return _foreign(f"Host is {shortened(host)}, which is no name of this machine's own")
        # a WebSocket has no method, and a browser shows what it brings to any page
        is_safe = scope["type"] == "http" and scope["method"] in SAFE_METHODS
        if is_safe or origin is None or _same_site(origin, host):
            return None
        return _foreign(f"Origin is {shortened(origin)}, a page of another site")


def _foreign(what: str) -> ProblemError:
    return ProblemError(403, f"without an API key this is refused: {what}; {REMEDY}")


def _is_loopback_name(host: str) -> bool:
    parts = _parts(f"//{host}")
    return parts is not None and is_loopback(parts.hostname or "")


def _same_site(origin: str, host: str) -> bool:
    """Whether host and port are the same; a port left out is the one of the origin's scheme."""
    page, here = _parts(origin), _parts(f"//{host}")
    if page is None or here is None or page.scheme not in DEFAULT_PORTS:
        return False
    usual = DEFAULT_PORTS[page.scheme]
    return (page.hostname, page.port or usual) == (here.hostname, here.port or usual)


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - raises for a wrong one
    except ValueError:
        return None
    return parts
