"""A service of which one part hangs once a file is there: `python -m … worker`.

`STUCK_FILE` names the file and what is in it the part. `SILENT_SECONDS` is how long a part may be
silent, and `HANG_SECONDS` how long after that the process ends itself.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from pedidos_common.adapters.mongo.controls import MongoQueueState
from pedidos_common.adapters.redis.worker import RingWorker
from pedidos_common.execution import life_signs, process
from pedidos_common.execution.heartbeat import Heartbeat, Rhythm
from pedidos_orchestrator.engine.housekeeping import Housekeeping
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.reconcile import Reconciler
from pedidos_orchestrator.engine.run_engine import RunEngine
from pedidos_orchestrator.wiring import around

MODULE = "tests.integration.stuck_service"
EVENT_LOOP = "event loop"
PLACES: dict[str, tuple[type, str]] = {
    "queue watch": (MongoQueueState, "read_all"),
    "receive orders": (RingWorker, "_poll_iteration"),
    "receive generation": (RingWorker, "_poll_iteration"),
    "heartbeat": (Heartbeat, "_beat"),
    "leadership": (Leadership, "_try"),
    "engine": (RunEngine, "step"),
    "reconcile": (Reconciler, "round"),
    "housekeeping": (Housekeeping, "round"),
}


def hang(part: str) -> bool:
    """Whether it is this part's turn to hang."""
    file = Path(os.environ["STUCK_FILE"])
    return file.exists() and file.read_text("utf-8") == part


def _hanging(part: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def hanging(*args: Any, **kwargs: Any) -> Any:
        if hang(part):
            await asyncio.Event().wait()
        if hang(EVENT_LOOP):
            time.sleep(3600)  # noqa: ASYNC251 - what this is about
        return await call(*args, **kwargs)

    return hanging


def _hanging_thread(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def hanging(*args: Any) -> Any:
        if hang(part):
            threading.Event().wait()
        return call(*args)

    return hanging


def main(service: str) -> None:
    """Start the service, prepared."""
    life_signs.SILENT_SECONDS = float(os.environ["SILENT_SECONDS"])
    life_signs.MONGODB_CALL_SECONDS = 0.0
    rhythm: Any = partial(Rhythm, hang_seconds=float(os.environ["HANG_SECONDS"]))
    for module in (process, around):
        module.Rhythm = rhythm  # type: ignore[attr-defined]
    for part, (kind, name) in PLACES.items():
        wrap = _hanging_thread if kind is Heartbeat else _hanging
        setattr(kind, name, wrap(part, getattr(kind, name)))
    sys.argv[1:] = []  # the service's own
    importlib.import_module(f"pedidos_{service}.__main__").main()


if __name__ == "__main__":
    main(sys.argv[1])
