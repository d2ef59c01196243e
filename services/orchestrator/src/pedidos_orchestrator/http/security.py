"""The API key: required on everything but probes, metrics, the API's description and the page."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pedidos_orchestrator.page import PATHS as PAGE_PATHS
from pedidos_orchestrator.problems import ProblemError, problem_response

HEADER = "x-api-key"
DESCRIPTION_PATHS = ("/docs", "/docs/oauth2-redirect", "/openapi.json")
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", *DESCRIPTION_PATHS, *PAGE_PATHS})
DENIAL_EXTENSION = "websocket.http.response"


class ApiKeyGuard:
    """Lets nothing through without the key; compares it in constant time."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app = app
        self._key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or go on."""
        if scope["type"] == "lifespan" or scope["path"] in OPEN_PATHS or self._fits(scope):
            await self._app(scope, receive, send)
            return
        await refuse(_unauthorized(), scope, receive, send)

    def _fits(self, scope: Scope) -> bool:
        given = Headers(scope=scope).get(HEADER, "")
        return hmac.compare_digest(given.encode("latin-1"), self._key)


def _unauthorized() -> ProblemError:
    return ProblemError(
        401,
        f"send the API key in the header {HEADER}",
        headers={"www-authenticate": f'ApiKey header="{HEADER}"'},
    )


async def refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the problem, to a WebSocket handshake too where the server can."""
    can_answer = scope["type"] == "http" or DENIAL_EXTENSION in scope.get("extensions", {})
    answer: ASGIApp = problem_response(scope, problem) if can_answer else WebSocketClose(code=1008)
    await answer(scope, receive, send)
