"""What browsers are told about every answer; a route that says it of its own answer wins.

There is no CORS here: without its headers, browsers keep answers from pages of other sites.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# data, never a page: whatever a browser takes it for, it loads and runs nothing
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# our own files alone: nothing inline, nothing of another site; Swagger UI draws by data: images
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# and no text can become markup, not even by a mistake in the page's own scripts
PAGE_POLICY = f"{DOCS_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"
HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def policy_of(path: str) -> str:
    """The content policy of what is answered at that path."""
    if path == "/docs" or path.startswith("/docs/"):
        return DOCS_POLICY
    if path == "/" or path.startswith("/page/"):
        return PAGE_POLICY
    return DATA_POLICY


class SecurityHeaders:
    """Outermost: the application's errors and refusals have the headers too.

    What the server refuses by itself (a head it can't read or bear), and refused handshakes of
    WebSockets, have none: no browser shows either as a page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = policy_of(scope["path"])

        async def completing(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", policy)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, completing)
