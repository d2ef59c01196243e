"""A bound on how long a read may take to begin its answer.

A server that hangs (it neither answers nor refuses) would keep a reader as long as the driver's
own patience, which is made for long writes. What has begun, as an export, takes its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pedidos_common.domain.errors import Unavailable
from pedidos_orchestrator.http.problem_handlers import problem_of
from pedidos_orchestrator.methods import SAFE_METHODS
from pedidos_orchestrator.problems import problem_response


class ReadLimit:
    """Answers 503 to a read that has not begun after `seconds`, or its path's in `longer`."""

    def __init__(self, app: ASGIApp, seconds: float, longer: Mapping[str, float]) -> None:
        self._app = app
        self._seconds = seconds
        self._longer = longer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, within its time."""
        if scope["type"] != "http" or scope["method"] not in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        seconds = self._longer.get(scope["path"], self._seconds)
        limit = asyncio.timeout(seconds)

        async def begun(message: Message) -> None:
            with suppress(RuntimeError):  # it has run out in this very moment: this is the answer
                limit.reschedule(None)
            await send(message)

        try:
            async with limit:
                await self._app(scope, receive, begun)
        except TimeoutError:
            if not limit.expired():
                raise
            problem = problem_of(Unavailable(f"no answer within {seconds:g} s"))
            await problem_response(scope, problem)(scope, receive, send)
