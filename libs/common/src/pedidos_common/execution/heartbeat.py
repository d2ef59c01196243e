"""The heartbeat: a thread off the event loop that keeps this process's leases alive.

A busy loop can't starve it, and a loop that hangs is noticed by it: a process that no longer
works ends itself, so that its supervisor starts a new one and its jobs go to others.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from pedidos_common.execution.leases import HeldLeases
from pedidos_common.ports import LeaseKeeper, ProcessReport

log = structlog.get_logger(__name__)
HUNG_EXIT_STATUS = 70


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds from beat to beat, and for how long the event loop may hang before the process ends.

    A beat that takes longer is followed by the next at once.
    """

    every_seconds: float = 3.0
    hang_seconds: float = 60.0


def end_process() -> None:
    """Leave at once; leases expire and others take over."""
    os._exit(HUNG_EXIT_STATUS)


class Heartbeat:
    """Beats until stopped. Failures are logged and counted; the next beat tries again."""

    def __init__(
        self,
        keeper: LeaseKeeper,
        held: HeldLeases,
        report: Callable[[], ProcessReport],
        rhythm: Rhythm,
        on_hang: Callable[[], None] = end_process,
    ) -> None:
        self._keeper, self._held, self._report = keeper, held, report
        self._rhythm, self._on_hang = rhythm, on_hang
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_seen = time.monotonic()
        self.failures = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to beat, and to watch this loop."""
        self._loop, self._loop_seen = loop, time.monotonic()
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Stop beating and take leave; blocks until the thread ended (bounded)."""
        self._stop.set()
        self._thread.join(timeout_seconds)
        try:
            self._keeper.farewell(self._report().name)
        except Exception as error:  # noqa: BLE001 - leaving must not fail; the record expires
            log.warning("farewell_failed", error=str(error)[:300])

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            self._beat()
            self._watch_loop()
            # over a slow network a beat takes as long as the pause, and leases wait for both
            took = time.monotonic() - began
            self._stop.wait(max(0.0, self._rhythm.every_seconds - took))

    def _beat(self) -> None:
        try:
            self._extend()
        except Exception as error:  # noqa: BLE001 - a beat that fails must not end the heart
            self.failures += 1
            log.warning("heartbeat_failed", failures=self.failures, error=str(error)[:300])

    def _extend(self) -> None:
        sent_at = time.monotonic()
        leases = self._held.to_extend(sent_at)
        reply = self._keeper.beat(self._report(), leases)
        self._held.extended(set(leases) - reply.lost, sent_at, reply.until)
        if reply.lost and (lost := self._held.lose(reply.lost)):
            log.warning("leases_lost", count=lost)

    def _watch_loop(self) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        silent = time.monotonic() - self._loop_seen
        if silent > self._rhythm.hang_seconds:
            log.critical("event_loop_hung", silent_seconds=round(silent))
            self._on_hang()
        self._loop.call_soon_threadsafe(self._tick)

    def _tick(self) -> None:
        self._loop_seen = time.monotonic()
