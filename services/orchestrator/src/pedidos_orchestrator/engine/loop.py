"""What drives the engine: wake-up calls, a short poll behind them, and the leader lease."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.execution.life_signs import Turned, ignore_turn
from pedidos_common.ports import ENGINE_TOPIC, Events
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.run_engine import Pace, RunEngine

log = structlog.get_logger(__name__)
PAUSE_SECONDS = 0.06  # a step costs MongoDB as much as a small batch does
# None: another leads; whether that is still so is known without asking anybody
POLL_SECONDS_OF = {Pace.WAITING: 0.2, Pace.IDLE: 0.5, None: 0.1}
FAILURE_PAUSE_SECONDS = 0.5


class Alarm:
    """Remembers that a topic was called, so that no call between two waits is lost."""

    def __init__(self, events: Events, topic: str) -> None:
        self._events, self._topic = events, topic
        self._called = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled; calls are lost at worst, and the poll stands behind them."""
        while True:
            try:
                async for _ in self._events.listen(self._topic):
                    self._called.set()
            except Exception:
                log.exception("alarm_failed", topic=self._topic)
            await asyncio.sleep(FAILURE_PAUSE_SECONDS)

    async def wait(self, timeout_seconds: float) -> None:
        """Until called, or the time is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._called.wait(), timeout_seconds)
        self._called.clear()


class EngineLoop:
    """Steps the engine while this process leads. `failures` counts steps that raised."""

    def __init__(self, engine: RunEngine, leadership: Leadership, events: Events) -> None:
        self._engine, self._leadership = engine, leadership
        self._alarm = Alarm(events, ENGINE_TOPIC)
        self.failures = 0

    async def run(self, turned: Turned = ignore_turn) -> None:
        """Step until cancelled."""
        listening = asyncio.create_task(self._alarm.listen(), name="engine alarm")
        try:
            while True:
                turned()
                pace = await self._guarded_step()
                if pace is not Pace.AT_ONCE:
                    await self._alarm.wait(POLL_SECONDS_OF[pace])
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            listening.cancel()

    async def _guarded_step(self) -> Pace | None:
        """One step; a failed one is counted, and the view rebuilt from the ledger."""
        epoch = self._leadership.epoch
        if epoch is None:
            self._engine.forget()
            return None
        try:
            return await self._engine.step(epoch)
        except Unavailable as error:
            log.warning("engine_step_delayed", error=str(error)[:300])
        except Exception:
            log.exception("engine_step_failed")
        self.failures += 1
        self._engine.forget()
        await asyncio.sleep(FAILURE_PAUSE_SECONDS)
        return Pace.WAITING
