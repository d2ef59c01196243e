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
LONGEST_PAUSE_SECONDS = 5.0


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
        reason = await _reason(check)
        if reason is None:
            log.info("server_reached", server=name, address=redact(address), attempts=attempts)
            return True
        log.warning(
            "server_not_reached",
            server=name,
            address=redact(address),
            reason=redact(reason)[:300],
            attempts=attempts,
            message=f"{name} at {redact(address)} does not answer; trying again in {seconds:g} s. "
            f"Start it, or set {setting} to where it is.",
        )
        await _pause_unless(stop, seconds)
        seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
    return False


async def _reason(check: Callable[[], Awaitable[object]]) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - drivers have many ways to say that nobody is there
        return f"{type(error).__name__}: {error}"
    return None


async def _pause_unless(stop: asyncio.Event | None, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await (stop or asyncio.Event()).wait()
