"""Calls that come in the same moment, made as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from pedidos_common.domain.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")

GAP_SECONDS = 0.005
MOST_AT_ONCE = 100
LATE_SECONDS = 3.0


class Grouped(Generic[T, R]):
    """Collects what is asked for and passes it to `call`, which answers each, in their sequence.

    What is asked alone is passed on at once. What follows within `GAP_SECONDS` of the last call is
    passed on together at their end. No call waits for another one to come back, so one that hangs
    holds up nobody else. What `call` raises is raised to all that it was made for, and an answer
    that is an exception to the one whose it is.
    """

    def __init__(self, call: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]) -> None:
        self._call = call
        self._asked: list[tuple[T, asyncio.Future[R]]] = []
        self._timer: asyncio.Handle | None = None
        self._called_at = float("-inf")
        self._calls: set[asyncio.Task[None]] = set()

    async def ask(self, item: T) -> R:
        """The answer for the item.

        Raises:
            Unavailable: when none has come after `LATE_SECONDS`; whether it was done is open.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._asked.append((item, answer))
        if len(self._asked) >= MOST_AT_ONCE:
            self._pass_on()
        elif self._timer is None:
            # whoever asks in the same turn of the loop comes with it
            self._timer = loop.call_at(self._called_at + GAP_SECONDS, self._pass_on)
        try:
            async with asyncio.timeout(LATE_SECONDS):
                return await answer
        except TimeoutError:
            raise Unavailable(f"no answer came within {LATE_SECONDS:g} s") from None

    def _pass_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asked, self._asked = self._asked, []
        loop = asyncio.get_running_loop()
        self._called_at = loop.time()
        call = loop.create_task(self._answer(asked))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _answer(self, asked: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        open_ones = [answer for _item, answer in asked]
        try:
            answers = await self._call([item for item, _answer in asked])
            for future, answer in zip(open_ones, answers, strict=True):
                _tell(future, answer)
        except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
            for future in open_ones:
                _tell(future, error)
        finally:
            for future in open_ones:
                future.cancel()


def _tell(future: asyncio.Future[R], answer: R | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
