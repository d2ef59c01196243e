"""Order handlers: the place where a shop puts its own work.

A handler is a plain async callable, named by `ORDER_HANDLER=package.module:attribute`:

    async def handle(order: Order) -> str | None

The text it returns becomes the order's `observacoes` (None keeps the built-in one). Raising
`PermanentOrderError` makes the order `falhou` at once; any other exception, a timeout, or a
result of another kind is a failed attempt and is tried again later.

A bulk handler takes many orders in one call and answers for each in the same sequence, with a
text, None, or an exception instance:

    @bulk
    async def handle_many(orders: Sequence[Order]) -> Sequence[str | None | Exception]
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.orders import Order

BUILT_IN = "builtin"
LONGEST_REASON = 300
_BULK_MARK = "__pedidos_bulk__"
Answer = str | None | BaseException
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

    async def answer(self, orders: Sequence[Order]) -> Sequence[Answer]:
        """One answer for each order, in the same sequence; never raises for an order."""
        ...


@dataclass(frozen=True, slots=True)
class BuiltInHandler:
    """Gives every order the observation of its priority, without looking inside."""

    name: str = BUILT_IN
    slice_size: int = 1_000

    async def answer(self, orders: Sequence[Order]) -> Sequence[Answer]:
        """None for each: the built-in observation."""
        return [None] * len(orders)


@dataclass(frozen=True, slots=True)
class EachOrder:
    """Calls a handler once an order, `slice_size` orders side by side."""

    name: str
    call: Callable[[Order], Awaitable[Any]]
    timeout_seconds: float
    slice_size: int

    async def answer(self, orders: Sequence[Order]) -> Sequence[Answer]:
        """See `OrderHandler.answer`."""
        return await asyncio.gather(*(self._one(order) for order in orders))

    async def _one(self, order: Order) -> Answer:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return _checked(await self.call(order))
        except TimeoutError:
            return TimeoutError(f"the handler took longer than {self.timeout_seconds:g} s")
        except Exception as error:  # noqa: BLE001 - one order's failure is an answer
            return error


@dataclass(frozen=True, slots=True)
class ManyOrders:
    """Calls a bulk handler once a slice; a failed call is every order's failed attempt."""

    name: str
    call: Callable[[Sequence[Order]], Awaitable[Any]]
    timeout_seconds: float
    slice_size: int = 1_000

    async def answer(self, orders: Sequence[Order]) -> Sequence[Answer]:
        """See `OrderHandler.answer`."""
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return _matched(await self.call(orders), len(orders))
        except TimeoutError:
            late = TimeoutError(f"the handler took longer than {self.timeout_seconds:g} s")
            return [late] * len(orders)
        except Exception as error:  # noqa: BLE001 - a failed call is an answer for each order
            return [error] * len(orders)


def _checked(answer: Any) -> Answer:
    if answer is None or isinstance(answer, str | Exception):
        return answer
    return BadAnswer(f"the handler returned {type(answer).__name__}, not a text or None")


def _matched(answers: Any, wanted: int) -> Sequence[Answer]:
    if not isinstance(answers, Sequence) or isinstance(answers, str) or len(answers) != wanted:
        got = f"{len(answers)} answers" if isinstance(answers, list | tuple) else type(answers)
        raise BadAnswer(f"the bulk handler returned {got} for {wanted} orders")
    return [_checked(answer) for answer in answers]


def load_handler(spec: str, timeout_seconds: float, concurrency: int) -> OrderHandler:
    """The handler that `spec` (`package.module:attribute`, or `builtin`) names.

    Raises:
        HandlerNotUsable: when it can't be imported or is not an async callable.
    """
    if spec == BUILT_IN:
        return BuiltInHandler()
    call = _resolve(spec)
    if getattr(call, _BULK_MARK, False):
        return ManyOrders(spec, call, timeout_seconds)
    return EachOrder(spec, call, timeout_seconds, concurrency)


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
