"""Background loops that outlive their failures, and the orderly end of a process."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

log = structlog.get_logger(__name__)

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0
CANCEL_AGAIN_SECONDS = 1.0
LOOPS_END_SECONDS = 10.0


async def supervised(
    name: str,
    body: Callable[[], Awaitable[object]],
    every_seconds: float,
    *,
    wake: asyncio.Event | None = None,
    failed: Callable[[str], None] | None = None,
    longest_backoff_seconds: float = LONGEST_BACKOFF_SECONDS,
) -> None:
    """Await `body()` again and again, until cancelled.

    After a success the next call comes `every_seconds` later, or as soon as `wake` is set (it is
    cleared then). After an exception it is logged, told to `failed(name)`, and the next call
    comes after a growing, jittered pause. A body may also run for ever: it is started again
    when it ends.
    """
    failures = 0
    while True:
        if await _succeeds(name, body, failures):
            failures = 0
            await pause(every_seconds, wake)
            continue
        failures += 1
        if failed is not None:
            failed(name)
        await asyncio.sleep(_backoff_seconds(failures, longest_backoff_seconds))


async def _succeeds(name: str, body: Callable[[], Awaitable[object]], failures: int) -> bool:
    """Whether `body()` ends without an exception, after so many failures; both are logged."""
    try:
        await body()
    except Exception:
        log.exception("background_loop_failed", loop=name, failures=failures + 1)
        return False
    if failures:
        log.info("background_loop_recovered", loop=name, failures=failures)
    return True


def _backoff_seconds(failures: int, longest: float) -> float:
    ceiling = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 20), longest)
    return ceiling * random.uniform(0.5, 1.0)


async def pause(seconds: float, wake: asyncio.Event | None = None) -> None:
    """Sleep, or until `wake` is set, which is cleared then."""
    if wake is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
    wake.clear()


@asynccontextmanager
async def running(loops: Mapping[str, Awaitable[object]]) -> AsyncIterator[None]:
    """Run these (supervised) loops while the context lasts; at its end cancel and await them."""
    tasks = [asyncio.create_task(_named(name, loop), name=name) for name, loop in loops.items()]
    try:
        yield
    finally:
        await _end(tasks, LOOPS_END_SECONDS)


async def _end(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> int:
    """Cancel these until they are over, for so long; how many are not.

    One cancellation can get lost: before Python 3.12 `asyncio.wait_for`, on which drivers wait,
    returns what it waited for if both come in the same moment.
    """
    left, give_up_at = set(tasks), time.monotonic() + seconds
    while left and (rest := give_up_at - time.monotonic()) > 0:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=min(rest, CANCEL_AGAIN_SECONDS))
    if left:
        log.error("tasks_would_not_end", count=len(left), first=next(iter(left)).get_name())
    return len(left)


async def _named(name: str, loop: Awaitable[object]) -> None:
    try:
        await loop
    except Exception:
        log.exception("background_loop_ended", loop=name)


async def end_other_tasks(seconds: float) -> int:
    """Cancel every other task of this event loop; how many are not over that long after it."""
    this = asyncio.current_task()
    return await _end([task for task in asyncio.all_tasks() if task is not this], seconds)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; further ones change nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, number, stop)
    return stop


def _stop(number: signal.Signals, stop: asyncio.Event) -> None:
    if not stop.is_set():
        log.info("shutdown_requested", signal=number.name)
    stop.set()
