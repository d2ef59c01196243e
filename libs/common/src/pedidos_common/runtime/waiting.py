"""Waiting at start for the servers that a process depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from pedidos_common.runtime.redaction import redact

log = structlog.get_logger(__name__)

CHECK_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 1.0  # a service that starts in an outage is soon there after it
STOPPED = "told to stop"


async def until_reachable(
    name: str,
    address: str,
    check: Callable[[], Awaitable[object]],
    setting: str,
    stop: asyncio.Event | None = None,
) -> bool:
    """Await `check()` until it raises nothing; False when `stop` was set before that.

    Each failure is one log line that names the server, its address (without password), the
    reason, and the environment variable `setting` that says where it is. Never gives up.
    """
    seconds, attempts = FIRST_PAUSE_SECONDS, 0
    while stop is None or not stop.is_set():
        attempts += 1
        reason = await _reason(check, stop)
        if reason == STOPPED:
            return False
        if reason is None:
            log.info("server_reached", server=name, address=redact(address), attempts=attempts)
            return True
        _tell(name, address, reason, setting, attempts, seconds)
        await _pause_unless(stop, seconds)
        seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
    return False


def _tell(
    name: str, address: str, reason: str, setting: str, attempts: int, seconds: float
) -> None:
    log.warning(
        "server_not_reached",
        server=name,
        address=redact(address),
        reason=redact(reason)[:300],
        attempts=attempts,
        message=f"{name} at {redact(address)} does not answer; trying again in {seconds:g} s. "
        f"Start it, or set {setting} to where it is.",
    )


async def _reason(check: Callable[[], Awaitable[object]], stop: asyncio.Event | None) -> str | None:
    """Why the check failed, or None; a check that is under way ends when `stop` is set."""
    asking = asyncio.ensure_future(check())
    stopping = asyncio.ensure_future((stop or asyncio.Event()).wait())
    try:
        await asyncio.wait(
            {asking, stopping}, timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not asking.done():
            return STOPPED if stopping.done() else f"no answer within {CHECK_SECONDS:g} s"
        error = asking.exception()
        return f"{type(error).__name__}: {error}" if error is not None else None
    finally:
        asking.cancel()
        stopping.cancel()
        await asyncio.gather(asking, stopping, return_exceptions=True)


async def _pause_unless(stop: asyncio.Event | None, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await (stop or asyncio.Event()).wait()
