"""Which errors of the driver mean that the same call may work later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    CursorNotFound,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from pedidos_common.domain.errors import Unavailable

DUPLICATE_KEY = 11000
# a write concern that was not met, of any code, leaves open whether the write will last
TRANSIENT = (
    AutoReconnect,
    ConnectionFailure,
    CursorNotFound,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    WriteConcernError,
)
# the driver repeats only single-document writes by itself; `update_many` gets these replies raw
UNREACHABLE = frozenset({6, 7, 89, 9001, 262})
SHUTTING_DOWN = frozenset({91, 11600})
NO_PRIMARY = frozenset({189, 10058, 10107, 11602, 13435, 13436})
TOO_SLOW = frozenset({50})
DISK_FULL = frozenset({14031})
# ended or refused for the sake of others: killed, evicted, out of turn, or by a write in the way
GAVE_WAY = frozenset({24, 46, 112, 117, 175, 237, 365, 11601, 46841})
NO_MAJORITY_YET = frozenset({133, 134})
PASSING = (
    UNREACHABLE | SHUTTING_DOWN | NO_PRIMARY | TOO_SLOW | DISK_FULL | GAVE_WAY | NO_MAJORITY_YET
)

P = ParamSpec("P")
R = TypeVar("R")


def is_transient(error: PyMongoError) -> bool:
    """Whether the server could not do it *now*: the same call may work later."""
    if isinstance(error, BulkWriteError):
        codes = {each.get("code") for each in error.details.get("writeErrors", [])}
        # where other errors stand beside, the repeated call tells them
        return bool(error.details.get("writeConcernErrors")) or not codes.isdisjoint(PASSING)
    if isinstance(error, TRANSIENT) or error.has_error_label("RetryableWriteError"):
        return True
    return isinstance(error, OperationFailure) and error.code in PASSING


def describe(error: PyMongoError) -> str:
    """What the driver met, for a message."""
    return f"MongoDB did not answer: {type(error).__name__}: {str(error)[:300]}"


def guarded(
    method: Callable[P, Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """The port's border: the driver's transient errors become `Unavailable`.

    No cancellation gets through to the driver (`undisturbed`).
    """

    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        async with translating():
            return await undisturbed(method(*args, **kwargs))

    call.__doc__, call.__name__ = method.__doc__, getattr(method, "__name__", "call")
    return call


async def undisturbed(work: Coroutine[Any, Any, R]) -> R:
    """Await what the driver does in a task of its own, which goes on when its caller is cancelled.

    A call of the driver (PyMongo 4.20) that is cancelled twice while it waits for a server leaves
    the lock of its topology behind in disorder, and the client never answers again.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(_look_at)
    try:
        return await asyncio.shield(task)
    finally:
        del task  # what it raised holds this frame: a circle around all that was to be written


def _look_at(task: asyncio.Task[Any]) -> None:
    """So that asyncio does not complain of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


async def batches(cursor: AsyncCursor[Any], size: int) -> AsyncIterator[list[Any]]:
    """What a cursor finds, so many at a time, each of them `undisturbed`; errors translated."""
    async with translating():
        while found := await undisturbed(cursor.to_list(size)):
            yield found


@asynccontextmanager
async def translating() -> AsyncIterator[None]:
    """The same for a block, where a method is an iterator."""
    try:
        yield
    except PyMongoError as error:
        if is_transient(error):
            raise Unavailable(describe(error)) from error
        raise
