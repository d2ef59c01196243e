"""A bound on request bodies, whether they say their length or not."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pedidos_orchestrator.problems import ProblemError, problem_response

LONGEST_LENGTH = 20


class _TooLarge(Exception):
    """The body went past its bound while it was read."""


class BodyLimit:
    """Answers 413 to a body above `max_bytes`, but for the streamed routes in `unbounded`.

    Routes in `smaller` have a bound of their own.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        unbounded: AbstractSet[str],
        smaller: Mapping[str, int],
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._unbounded, self._smaller = unbounded, smaller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse at once by the stated length, or read the body within its bound."""
        if scope["type"] != "http" or scope["path"] in self._unbounded:
            await self._app(scope, receive, send)
            return
        most = self._smaller.get(scope["path"], self._max_bytes)
        try:
            body = await self._read(scope, receive, most)
        except _TooLarge:
            await self._refuse(scope, receive, send, most)
            return
        await self._app(scope, body, send)

    async def _read(self, scope: Scope, receive: Receive, most: int) -> Receive:
        headers = Headers(scope=scope)
        if _states_more(headers.get("content-length", ""), most):
            raise _TooLarge
        if "transfer-encoding" not in headers:
            return receive
        return await self._buffered(receive, most)

    async def _buffered(self, receive: Receive, most: int) -> Receive:
        messages: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise _TooLarge
            messages.append(message)
            more = bool(message.get("more_body", False))
        held = iter(messages)

        async def replay() -> Message:
            return next(held, None) or await receive()

        return replay

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        detail = f"the body is larger than {most} bytes"
        answer = problem_response(scope, ProblemError(413, detail, headers={"connection": "close"}))
        await answer(scope, receive, send)


def _states_more(length: str, limit: int) -> bool:
    """Whether a stated length is above the limit; one of many digits is, without being read."""
    digits = length.lstrip("0")
    return digits.isdecimal() and (len(digits) > LONGEST_LENGTH or int(digits) > limit)
