"""An order handler whose behaviour a test switches while the workers run.

Each call looks at the file that `TEST_HANDLER_FILE` names: `{"mode": …, "seconds": …}`. The bulk
handler is for runs of a million orders: it takes the same file's `seconds` once for all its orders.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.ids import sequence_of
from pedidos_common.domain.orders import Order, Priority
from pedidos_worker.handlers import bulk

VARIABLE = "TEST_HANDLER_FILE"
SPEC = "tests.e2e.handlers:handle"
# ten orders at once in a process, in five jobs: with a handler that takes its time a run lasts
SLOWED = {
    "ORDER_HANDLER": SPEC,
    "ORDER_HANDLER_TIMEOUT_MS": "10000",
    "ORDER_HANDLER_CONCURRENCY": "10",
    "ORDERS_QUEUE_CONCURRENCY": "5",
}
BULK_SPEC = "tests.e2e.handlers:handle_many"
LOOK_SECONDS = 0.25
# ten orders at once hold the loop for ten times as long: less than a lease
BLOCKED_SECONDS = 0.25


def switch(path: Path, mode: str = "plain", seconds: float = 0.0) -> None:
    """Make the handler behave otherwise from its next call on; the file changes as a whole."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"mode": mode, "seconds": seconds}), "utf-8")
    draft.replace(path)


def fails_for_good(sequence: int) -> bool:
    """In mode `failing`: 1% of the orders."""
    return sequence % 100 == 50


def fails_once(sequence: int) -> bool:
    """In mode `failing`: another 5%."""
    return sequence % 20 == 3


async def handle(order: Order) -> Any:
    """One order, as the present mode has it."""
    wanted = _wanted()
    if wanted["seconds"]:
        await asyncio.sleep(wanted["seconds"])
    return await _MODES[wanted["mode"]](order, sequence_of(order.id))


@bulk
async def handle_many(orders: Sequence[Order]) -> Sequence[None]:
    """Many orders in one call, all of which succeed."""
    await asyncio.sleep(_wanted()["seconds"])
    return [None] * len(orders)


def _wanted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(os.environ[VARIABLE]).read_text("utf-8"))
    return found


async def _plain(_order: Order, _sequence: int) -> None:
    return None


async def _failing(order: Order, sequence: int) -> str | None:
    if fails_for_good(sequence):
        raise PermanentOrderError(f"order {sequence} is not deliverable")
    if fails_once(sequence) and order.attempts == 0:
        raise ConnectionError("the carrier did not answer")
    return f"shipped {sequence}" if sequence % 10 == 0 else None


async def _none_works(_order: Order, sequence: int) -> str:
    raise RuntimeError(f"$nothing works for {sequence}")


async def _odd(_order: Order, sequence: int) -> Any:
    if sequence % 50 == 7:
        await asyncio.sleep(3600)
    return {"not": "a text"} if sequence % 50 == 9 else None


async def _rude(_order: Order, sequence: int) -> Any:
    """Everything that a handler should not do, each to one order in fifty."""
    match sequence % 50:
        case 7:
            return "cut in an emoji \ud83d"
        case 17:
            raise ValueError("cut in an emoji \udcff")
        case 27:
            cancelled = asyncio.get_running_loop().create_future()
            cancelled.cancel()
            await cancelled
        case 37:
            await _stay_for_ever()
    return None


async def _stay_for_ever() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


def fails_rudely(sequence: int) -> bool:
    """In mode `rude`: those that never succeed."""
    return sequence % 50 in {17, 27, 37}


async def _held(order: Order, _sequence: int) -> None:
    """NORMAL orders stay in their handler until the mode is another one."""
    while order.priority is Priority.NORMAL and _wanted()["mode"] == "held":  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)


async def _deadly(_order: Order, sequence: int) -> None:
    if sequence == 77:
        os._exit(1)


async def _blocking(_order: Order, _sequence: int) -> None:
    """As a handler must not: it holds the event loop."""
    time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251


_MODES = {
    "plain": _plain,
    "failing": _failing,
    "none_works": _none_works,
    "odd": _odd,
    "rude": _rude,
    "deadly": _deadly,
    "held": _held,
    "blocking": _blocking,
}
