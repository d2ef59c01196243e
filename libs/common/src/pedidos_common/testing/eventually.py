"""Waiting for a condition, in place of sleeping for a time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]],
    timeout_seconds: float = ...,
    poll_seconds: float = ...,
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T],
    timeout_seconds: float = ...,
    poll_seconds: float = ...,
) -> T: ...


async def eventually(
    condition: Callable[[], Any],
    timeout_seconds: float = 10.0,
    poll_seconds: float = 0.02,
) -> Any:
    """The first truthy value of `condition` (plain or async), looked at every `poll_seconds`.

    An `AssertionError` of the condition counts as "not yet", and its last one is raised at the
    end.

    Raises:
        AssertionError: when `timeout_seconds` have passed.
    """
    deadline = monotonic() + timeout_seconds
    while True:
        failure: AssertionError | None = None
        seen: object = None
        try:
            result = condition()
            seen = value = await result if inspect.isawaitable(result) else result
            if value:
                return value
        except AssertionError as error:
            failure = error
        if monotonic() >= deadline:
            raise failure or AssertionError(
                f"not so within {timeout_seconds} s; last seen: {seen!r}"
            )
        await asyncio.sleep(poll_seconds)
