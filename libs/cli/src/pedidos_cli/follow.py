"""The states of a run, one after another, whatever becomes of the API meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from httpx_sse import EventSource, SSEError

from pedidos_cli.client import ApiClient, Json
from pedidos_cli.errors import CliError, ExitStatus, Unreachable

ENDED = frozenset({"DONE", "ABORTED", "ERROR"})
QUIET_SECONDS = 5.0
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0


async def statuses(
    client: ApiClient,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    poll_seconds: float | None = None,
    absent: Callable[[float], None] = lambda _seconds: None,
) -> AsyncGenerator[Json, None]:
    """Status objects for ever: pushed by the API while its stream holds, else asked for.

    `absent` is told for how many seconds nobody has answered.

    Raises:
        Unreachable: when the API does not answer for `patience_seconds`.
        CliError: when it answers, but refuses.
    """
    last_answer = time.monotonic()
    pause = POLL_SECONDS if poll_seconds is None else poll_seconds
    while True:
        try:
            async with contextlib.aclosing(_pushed(client)) as pushed:
                async for status in pushed:
                    last_answer = time.monotonic()
                    yield status
            yield await client.get("/pedidos")
            last_answer = time.monotonic()
        except CliError as error:
            silent = time.monotonic() - last_answer
            if not passing(error) or silent > patience_seconds:
                raise
            absent(silent)
        await asyncio.sleep(pause)


def passing(error: CliError) -> bool:
    """Whether the same question may be answered a moment later."""
    return isinstance(error, Unreachable) or error.details.get("httpStatus", 0) >= 500


async def _pushed(client: ApiClient) -> AsyncGenerator[Json, None]:
    """What the stream sends until it breaks, is refused or falls silent."""
    # Refused or broken: asking for the state, which comes next, has the better message.
    with contextlib.suppress(CliError, SSEError):
        async with client.stream("/pedidos/stream", quiet_seconds=QUIET_SECONDS) as response:
            async for event in EventSource(response).aiter_sse():
                if event.event in {"status", "message"} and event.data:
                    yield event.json()


async def until_end(
    client: ApiClient, run_id: str, show: Callable[[Json], Any], **options: Any
) -> Json:
    """Shows every state of the run until it has ended; returns the run as history keeps it.

    Raises:
        Unreachable: as `statuses`.
        CliError: when the run is gone (a reset).
    """
    stream = statuses(client, **options)
    asked = 0.0
    async with contextlib.aclosing(stream):
        async for status in stream:
            ours = status.get("lastRunId") == run_id
            if ours:
                show(status)
            if ours and status.get("phase") not in ENDED:
                continue
            # It has ended, or another run is shown by now: its own record tells.
            if not ours and time.monotonic() - asked < POLL_SECONDS:
                continue
            asked = time.monotonic()
            if run := await _ended(client, run_id):
                return run
    raise AssertionError("the stream of states has no end")


async def _ended(client: ApiClient, run_id: str) -> Json | None:
    try:
        run = await client.get(f"/pedidos/runs/{run_id}")
    except CliError as refused:
        if passing(refused):
            return None
        if refused.details.get("httpStatus") == 404:
            raise CliError(
                f"Run {run_id} is gone: it was reset while it was being watched",
                ExitStatus.FAILED,
            ) from None
        raise
    return run if run.get("phase") in ENDED else None
