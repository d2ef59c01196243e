"""A bound on request bodies, whether they say their length or not."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pedidos_orchestrator.problems import ProblemError, problem_response

LONGEST_LENGTH = 20


class _TooLarge(Exception):
    """The body went past its bound while it was read."""


class BodyLimit:
    """Answers 413 to a body above `max_bytes`, but for the streamed routes in `unbounded`."""

    def __init__(self, app: ASGIApp, max_bytes: int, unbounded: AbstractSet[str]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._unbounded = unbounded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse at once by the stated length, or read the body within its bound."""
        if scope["type"] != "http" or scope["path"] in self._unbounded:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except _TooLarge:
            await self._refuse(scope, receive, send)
            return
        await self._app(scope, body, send)

    async def _read(self, scope: Scope, receive: Receive) -> Receive:
        headers = Headers(scope=scope)
        if _states_more(headers.get("content-length", ""), self._max_bytes):
            raise _TooLarge
        if "transfer-encoding" not in headers:
            return receive
        return await self._buffered(receive)

    async def _buffered(self, receive: Receive) -> Receive:
        messages: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                raise _TooLarge
            messages.append(message)
            more = bool(message.get("more_body", False))
        held = iter(messages)

        async def replay() -> Message:
            return next(held, None) or await receive()

        return replay

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"the body is larger than {self._max_bytes} bytes"
        answer = problem_response(scope, ProblemError(413, detail, headers={"connection": "close"}))
        await answer(scope, receive, send)


def _states_more(length: str, limit: int) -> bool:
    """Whether a stated length is above the limit; one of many digits is, without being read."""
    digits = length.lstrip("0")
    return digits.isdecimal() and (len(digits) > LONGEST_LENGTH or int(digits) > limit)
