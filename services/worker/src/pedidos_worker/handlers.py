"""Order handlers: the place where a shop puts its own work.

A handler is a plain async callable, named by `ORDER_HANDLER=package.module:attribute`:

    async def handle(order: Order) -> str | None

The text it returns becomes the order's `observacoes` (None keeps the built-in one). Raising
`PermanentOrderError` makes the order `falhou` at once; any other exception, a timeout, or a
result of another kind is a failed attempt and is tried again later.

A bulk handler takes many orders in one call and answers for each in the same sequence, with a
text, None, or an exception instance. One that raises is called again with half of the orders,
down to one alone:

    @bulk
    async def handle_many(orders: Sequence[Order]) -> Sequence[str | None | Exception]
"""

from __future__ import annotations

import importlib
import inspect
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.orders import Order
from pedidos_worker.calls import CLEAN_UP_SECONDS, Calls

BUILT_IN = "builtin"
LONGEST_REASON = 300
BULK_SLICE = 1_000
_BULK_MARK = "__pedidos_bulk__"
Answer = str | BaseException | None
F = TypeVar("F", bound=Callable[..., Any])


class HandlerNotUsable(PedidosError):
    """`ORDER_HANDLER` names nothing that can be called."""


class BadAnswer(Exception):
    """A handler answered something that is neither a text nor None."""


def bulk(handler: F) -> F:
    """Mark a callable as a bulk handler: many orders in one call."""
    setattr(handler, _BULK_MARK, True)
    return handler


class OrderHandler(Protocol):
    """What a batch needs of any handler."""

    @property
    def name(self) -> str:
        """How results and logs call it."""
        ...

    @property
    def slice_size(self) -> int:
        """How many orders it is given at once."""
        ...

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        """One answer for each order, in the same sequence; never raises for an order.

        No call of the shop's code takes longer than `timeout_seconds`.
        """
        ...


@dataclass(frozen=True, slots=True)
class BuiltInHandler:
    """Gives every order the observation of its priority, without looking inside."""

    name: str = BUILT_IN
    slice_size: int = BULK_SLICE

    async def answer(
        self,
        orders: Sequence[Order],
        timeout_seconds: float,  # noqa: ARG002 - it calls nothing
    ) -> Sequence[Answer]:
        """None for each: the built-in observation."""
        return [None] * len(orders)


@dataclass(frozen=True, slots=True)
class EachOrder:
    """Calls a handler once an order, `slice_size` orders side by side."""

    name: str
    call: Callable[[Order], Awaitable[Any]]
    calls: Calls
    slice_size: int

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        """See `OrderHandler.answer`."""
        calls = [self._one(order) for order in orders]
        answers = await self.calls.answers(calls, timeout_seconds)
        return [_checked(answer) for answer in answers]

    async def _one(self, order: Order) -> Any:
        return await self.call(order)


@dataclass(frozen=True, slots=True)
class ManyOrders:
    """Calls a bulk handler once a slice.

    A call that raises or takes too long is made again with each half of its orders, down to one
    alone, so that one order's failure is not its neighbours'.
    """

    name: str
    call: Callable[[Sequence[Order]], Awaitable[Any]]
    calls: Calls
    slice_size: int = BULK_SLICE

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        """See `OrderHandler.answer`."""
        until = time.monotonic() + bulk_seconds(self.slice_size, timeout_seconds)
        return await self._halved(orders, timeout_seconds, until)

    async def _halved(
        self, orders: Sequence[Order], timeout_seconds: float, until: float
    ) -> Sequence[Answer]:
        [answer] = await self.calls.answers([self._many(orders)], timeout_seconds)
        if not isinstance(answer, BaseException):
            return _matched(answer, len(orders))
        if len(orders) == 1:
            return [answer]
        middle = len(orders) // 2
        answers: list[Answer] = []
        for half in (orders[:middle], orders[middle:]):
            if time.monotonic() >= until:  # not one order's fault: an attempt of each
                answers += [answer] * len(half)
            else:
                answers += await self._halved(half, timeout_seconds, until)
        return answers

    async def _many(self, orders: Sequence[Order]) -> Any:
        return await self.call(orders)


def _checked(answer: Any) -> Answer:
    if answer is None or isinstance(answer, str | BaseException):
        return answer
    return BadAnswer(f"the handler returned {type(answer).__name__}, not a text or None")


def _matched(answers: Any, wanted: int) -> Sequence[Answer]:
    if not isinstance(answers, Sequence) or isinstance(answers, str) or len(answers) != wanted:
        got = f"{len(answers)} answers" if isinstance(answers, list | tuple) else type(answers)
        return [BadAnswer(f"the bulk handler returned {got} for {wanted} orders")] * wanted
    return [_checked(answer) for answer in answers]


def bulk_seconds(slice_size: int, timeout_seconds: float) -> float:
    """How long halving goes on: every call with the one order at fault takes its whole time."""
    return (1 + math.ceil(math.log2(slice_size))) * (timeout_seconds + CLEAN_UP_SECONDS)


def slice_seconds(handler: OrderHandler, timeout_seconds: float) -> float:
    """The longest that a slice may take."""
    # a call may be held up as long again, and has a moment to clean up
    call_seconds = 2 * timeout_seconds + CLEAN_UP_SECONDS
    if isinstance(handler, ManyOrders):
        return bulk_seconds(handler.slice_size, timeout_seconds) + call_seconds
    return call_seconds


def load_handler(spec: str, concurrency: int) -> OrderHandler:
    """The handler that `spec` (`package.module:attribute`, or `builtin`) names.

    Raises:
        HandlerNotUsable: when it can't be imported or is not an async callable.
    """
    if spec == BUILT_IN:
        return BuiltInHandler()
    call = _resolve(spec)
    if getattr(call, _BULK_MARK, False):
        return ManyOrders(spec, call, Calls())
    return EachOrder(spec, call, Calls(), concurrency)


def _resolve(spec: str) -> Callable[..., Awaitable[Any]]:
    module_name, _, attribute = spec.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:
        # a module runs when it is imported, so whatever is wrong with it comes out here
        reason = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
        raise HandlerNotUsable(
            f"ORDER_HANDLER={spec!r} can't be loaded ({reason}): "
            "name it package.module:attribute and put the package into the worker's image"
        ) from error
    target = found if inspect.isroutine(found) else type(found).__call__
    if not inspect.iscoroutinefunction(target):
        raise HandlerNotUsable(f"ORDER_HANDLER={spec!r} is not an async callable: use `async def`")
    result: Callable[..., Awaitable[Any]] = found
    return result
