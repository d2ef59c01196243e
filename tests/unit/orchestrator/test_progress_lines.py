"""How a run gets on is logged at the pace that LOG_PROGRESS_EVERY_MS sets."""

from __future__ import annotations

from collections.abc import MutableMapping
from itertools import pairwise
from typing import Any

from structlog.testing import capture_logs

from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring.background import engine_settings_of
from tests.unit.orchestrator.world import World

EVERY_SECONDS = 5.0


async def test_progress_is_logged_at_its_pace_with_the_run_s_id() -> None:
    world = World()
    run = await world.start()
    await world.queue_state.write("paused")  # so it goes on for as long as it is watched

    def when(_log: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**line, "at": world.monotonic()}

    with capture_logs([when]) as lines:
        for _ in range(42):
            await world.turn(0.5)
    progress = [line for line in lines if line["event"] == "run_progressed"]
    assert {line["runId"] for line in progress} == {run.scope}
    assert {"phase", "generated", "vip", "normal", "failed"} <= progress[0].keys()
    gaps = [later["at"] - line["at"] for line, later in pairwise(progress)]
    assert gaps == [EVERY_SECONDS] * 4


def test_the_pace_is_the_setting_s() -> None:
    settings = OrchestratorSettings(log_progress_every_ms=1_500)
    assert engine_settings_of(settings).progress_log_seconds == 1.5
