"""API keys: required on everything but probes, metrics, the API's description and the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pedidos_common.domain import api_keys
from pedidos_common.domain.api_keys import SINGLE_KEY, ApiKey, key_of, sent_key
from pedidos_common.runtime.key_file import KeyFile
from pedidos_orchestrator.http.rate_limit import RateLimit
from pedidos_orchestrator.methods import SAFE_METHODS
from pedidos_orchestrator.page import PATHS as PAGE_PATHS
from pedidos_orchestrator.problems import ProblemError, problem_response

HEADER = "x-api-key"
DESCRIPTION_FILES = ("favicon-32x32.png", "start.js", "swagger-ui-bundle.js", "swagger-ui.css")
DESCRIPTION_PATHS = ("/docs", *(f"/docs/{name}" for name in DESCRIPTION_FILES), "/openapi.json")
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", *DESCRIPTION_PATHS, *PAGE_PATHS})
# below it the id of a checkout is what a key is elsewhere: whoever has it may see that one
TRACKING_PATH = "/api/orders/status/"
# what comes in is believed by its signature
SIGNED_PATH = "/api/webhooks/payments"
DENIAL_EXTENSION = "websocket.http.response"


def is_open(scope: Scope) -> bool:
    """Whether a request is served without a key."""
    path = scope["path"]
    if path in OPEN_PATHS:
        return True
    if scope["type"] != "http":
        return False
    is_tracking = path.startswith(TRACKING_PATH) and scope["method"] in SAFE_METHODS
    return is_tracking or (path == SIGNED_PATH and scope["method"] == "POST")


class KeysInForce:
    """The keys as they are whenever it is called: one that stays, and those of a file."""

    def __init__(self, own: Sequence[ApiKey], listed: KeyFile | None) -> None:
        self._own, self._listed = own, listed

    def __call__(self) -> Sequence[ApiKey]:
        """All of them."""
        return [*self._own, *self._listed()] if self._listed else self._own

    def are_as_written(self) -> bool:
        """False while the file is wrong or gone, so that keys of before are in force."""
        return self._listed is None or self._listed.is_valid()


def keys_of(single: str | None, file: Path | None) -> KeysInForce | None:
    """What of these there is; None where the API goes without keys.

    Raises:
        WrongKeys: when the file is wrong or not there.
    """
    own = [key_of(SINGLE_KEY, api_keys.Scope.OPERATE, single.encode())] if single else []
    listed = KeyFile(file) if file else None
    return KeysInForce(own, listed) if own or listed else None


def watched(keys: KeysInForce | None, registry: CollectorRegistry) -> Counter:
    """Export whether the keys are as written; what counts the requests over a key's limit."""
    valid = Gauge("pedidos_api_keys_file_valid", "0 while keys of before count", registry=registry)
    valid.set_function(lambda: float(keys is None or keys.are_as_written()))
    return Counter("pedidos_http_rate_limited", "Requests over a key's limit", registry=registry)


class ApiKeyGuard:
    """Lets nothing through without a key whose scope and limit allow it; log lines name it."""

    def __init__(
        self, app: ASGIApp, keys: KeysInForce, limit: RateLimit | None, limited: Counter
    ) -> None:
        self._app = app
        self._keys = keys
        self._limit = limit
        self._limited = limited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or 429, or go on."""
        if scope["type"] == "lifespan" or is_open(scope):
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER)
        key = sent_key(sent.encode("latin-1"), self._keys()) if sent else None
        if key is None:
            await refuse(_unauthorized(sent is not None), scope, receive, send)
        elif problem := self._problem(key, scope):
            await refuse(problem, scope, receive, send)
        else:
            with structlog.contextvars.bound_contextvars(caller=key.name):
                await self._app(scope, receive, send)

    def _problem(self, key: ApiKey, scope: Scope) -> ProblemError | None:
        wait = self._limit.wait_seconds(key.name) if self._limit else 0.0
        if wait:
            self._limited.inc()
            return _too_many(key, math.ceil(wait))
        return None if key.allows(needed(scope)) else _forbidden(key, scope["method"])


def needed(scope: Scope) -> api_keys.Scope:
    """What a request needs; a WebSocket has no method, and only shows."""
    is_safe = scope["type"] == "websocket" or scope["method"] in SAFE_METHODS
    return api_keys.Scope.READ if is_safe else api_keys.Scope.OPERATE


def _unauthorized(has_sent: bool) -> ProblemError:
    detail = (
        f"the key in the header {HEADER} is not one of this API's (it may have been taken back): "
        "send one that is"
        if has_sent
        else f"send an API key in the header {HEADER}"
    )
    headers = {"www-authenticate": f'ApiKey header="{HEADER}"'}
    return ProblemError(401, detail, headers=headers)


def _forbidden(key: ApiKey, method: str) -> ProblemError:
    return ProblemError(
        403,
        f"the key {key.name} may only {key.scope}, and {method} changes something: send a key of "
        f"scope {api_keys.Scope.OPERATE}",
        slug="scope-too-small",
        key=key.name,
    )


def _too_many(key: ApiKey, seconds: int) -> ProblemError:
    return ProblemError(
        429,
        f"the key {key.name} sends more requests a second than API_RATE_LIMIT allows: "
        f"wait for {seconds} s",
        headers={"retry-after": str(seconds)},
        key=key.name,
    )


async def refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the problem, to a WebSocket handshake too where the server can."""
    can_answer = scope["type"] == "http" or DENIAL_EXTENSION in scope.get("extensions", {})
    answer: ASGIApp = problem_response(scope, problem) if can_answer else WebSocketClose(code=1008)
    await answer(scope, receive, send)
