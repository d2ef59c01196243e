"""Memory is logged where LOG_MEMORY asks for it, and nowhere else."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from pedidos_common.runtime.memory_log import log_memory
from pedidos_common.runtime.settings import LogSettings
from pedidos_common.testing.eventually import eventually


async def test_memory_is_logged_again_and_again() -> None:
    with capture_logs() as lines:
        logging = asyncio.create_task(
            log_memory(LogSettings(log_memory=True, log_progress_every_ms=100))
        )
        await eventually(lambda: len(lines) >= 3)
        logging.cancel()
    assert {line["event"] for line in lines} == {"memory_used"}
    for line in lines:
        assert 1 < line["usedMib"] < 10_000
        assert 1 < line["peakMib"] < 10_000


async def test_memory_is_not_logged_where_nobody_asked() -> None:
    with capture_logs() as lines:
        await asyncio.wait_for(log_memory(LogSettings(log_progress_every_ms=100)), 5)
    assert lines == []
