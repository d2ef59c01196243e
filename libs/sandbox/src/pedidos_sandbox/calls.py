"""One call of the provider's API: who may make it, what goes wrong, and that it is done once."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.responses import Response

from pedidos_sandbox.answers import Answer, Refused
from pedidos_sandbox.faults import Fault, Mode, Operation
from pedidos_sandbox.keys import fingerprint_of
from pedidos_sandbox.sandbox import Sandbox

DROP = "pedidos_sandbox.drop"
BEARER = "Bearer "


# dependencies are coroutines: FastAPI calls any other function in a thread
async def sandbox_of(request: Request) -> Sandbox:
    """The sandbox that this application plays."""
    found: Sandbox = request.app.state.sandbox
    return found


TheSandbox = Annotated[Sandbox, Depends(sandbox_of)]


async def check_key(request: Request, sandbox: TheSandbox) -> None:
    """That who calls knows the key.

    Raises:
        Refused: 401 where that is not so.
    """
    given = request.headers.get("authorization", "")
    wanted = BEARER + sandbox.settings.api_key.get_secret_value()
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "unauthorised",
            "the key is missing or wrong: send it as `Authorization: Bearer …`",
        )


async def check_control(request: Request, sandbox: TheSandbox) -> None:
    """That who tells the sandbox what to do may: anybody on loopback, elsewhere by the key.

    Raises:
        Refused: 401 where that is not so.
    """
    if not sandbox.settings.is_loopback:
        await check_key(request, sandbox)


IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and what it asks for."""

    request: Request
    sandbox: Sandbox
    operation: Operation

    async def once(self, key: str, body: str, work: Callable[[], Answer]) -> Response:
        """Answer with `work`, done once for the key, and with what goes wrong on demand.

        Raises:
            Refused: as `work`, and as `Keys.answered`.
        """
        fingerprint = fingerprint_of(self.request.url.path, body)

        def keyed(late: Callable[[], Awaitable[Answer]]) -> Awaitable[Answer]:
            return self.sandbox.keys.answered(key, fingerprint, late)

        return await self._answered(work, keyed)

    async def looked_up(self, work: Callable[[], Answer]) -> Response:
        """Answer with `work`, which changes nothing, and with what goes wrong on demand."""
        return await self._answered(work, lambda late: late())

    async def _answered(
        self,
        work: Callable[[], Answer],
        keyed: Callable[[Callable[[], Awaitable[Answer]]], Awaitable[Answer]],
    ) -> Response:
        self.sandbox.calls[self.operation] += 1
        fault = self.sandbox.faults.drawn(self.operation)
        mode = fault.mode if fault else None
        if fault and mode is Mode.FAIL:
            raise _told_to_fail(fault)
        if mode is Mode.DROP:
            return await self._dropped()

        async def late() -> Answer:
            if fault and mode is Mode.SLOW:
                await asyncio.sleep(fault.seconds)
            return _decided(work)

        answer = await keyed(late)
        if fault and mode is Mode.TIMEOUT_AFTER:
            await self._held(fault.seconds)
        return Response(answer.body, answer.status, media_type="application/json")

    async def _dropped(self) -> Response:
        way = (self.request.scope.get("extensions") or {}).get(DROP)
        if way is not None:
            way["abort"]()
            await self._held(1.0)
        return Response(status_code=HTTPStatus.BAD_GATEWAY)

    async def _held(self, seconds: float) -> None:
        """Wait, or until who asked has given up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self.request.receive())["type"] != "http.disconnect":
                    pass


def _decided(work: Callable[[], Answer]) -> Answer:
    """What it answers; that a card is declined is an answer too, and is kept as one."""
    try:
        return work()
    except Refused as refused:
        if refused.status == HTTPStatus.PAYMENT_REQUIRED:
            return refused.answer()
        raise


def _told_to_fail(fault: Fault) -> Refused:
    code = "rate_limited" if fault.status == HTTPStatus.TOO_MANY_REQUESTS else "unavailable"
    return Refused(fault.status, code, "the sandbox was told to refuse this")
