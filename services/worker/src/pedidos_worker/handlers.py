"""Order handlers: the place where a shop puts its own work.

A handler is a plain async callable, named by `ORDER_HANDLER=package.module:attribute`:

    async def handle(order: Order) -> str | None

The text it returns becomes the order's `observacoes` (None keeps the built-in one). Raising
`PermanentOrderError` makes the order `falhou` at once; any other exception, a timeout, or a
result of another kind is a failed attempt and is tried again later.

How many orders a handler is given before what it said is written follows from how long it takes
(`slice_pace`).

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
from pedidos_worker.slice_pace import SlicePace

BUILT_IN = "builtin"
LONGEST_REASON = 300
BULK_SLICE = 1_000
SMALLEST_BULK, FIRST_BULK = 10, 100
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
        """How many orders it is given at once, as of now."""
        ...

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        """One answer for each order, in the same sequence; never raises for an order.

        Where it takes long, answers only for the first ones, at least one: the others were not
        handled yet. No call of the shop's code takes longer than `timeout_seconds`.
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
    """Calls a handler once an order, `concurrency` orders side by side."""

    name: str
    call: Callable[[Order], Awaitable[Any]]
    calls: Calls
    concurrency: int
    pace: SlicePace

    @property
    def slice_size(self) -> int:
        """See `OrderHandler.slice_size`."""
        return self.pace.size

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        """See `OrderHandler.answer`."""
        began, answers = time.monotonic(), list[Answer]()
        while len(answers) < len(orders):
            wave = orders[len(answers) : len(answers) + self.concurrency]
            calls = [self._one(order) for order in wave]
            answers += map(_checked, await self.calls.answers(calls, timeout_seconds))
            if time.monotonic() - began >= self.pace.target_seconds:
                break
        self.pace.took(len(answers), time.monotonic() - began, offered=len(orders))
        return answers

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
    pace: SlicePace

    @property
    def slice_size(self) -> int:
        """See `OrderHandler.slice_size`."""
        return self.pace.size

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        """See `OrderHandler.answer`."""
        began = time.monotonic()
        until = began + bulk_seconds(len(orders), timeout_seconds)
        answers = await self._halved(orders, timeout_seconds, until)
        self.pace.took(len(orders), time.monotonic() - began)
        return answers

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


def slice_seconds(handler: OrderHandler, size: int, timeout_seconds: float) -> float:
    """The longest that a slice of so many orders may take."""
    # a call may be held up as long again, and has a moment to clean up
    call_seconds = 2 * timeout_seconds + CLEAN_UP_SECONDS
    match handler:
        case ManyOrders():
            return bulk_seconds(size, timeout_seconds) + call_seconds
        case EachOrder(concurrency=concurrency):
            return math.ceil(size / concurrency) * call_seconds
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
        return ManyOrders(spec, call, Calls(), SlicePace(SMALLEST_BULK, BULK_SLICE, FIRST_BULK))
    return EachOrder(spec, call, Calls(), concurrency, SlicePace(concurrency, BULK_SLICE))


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
