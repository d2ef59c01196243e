"""Logging how much memory this process uses, where that is asked for."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import structlog

from pedidos_common.runtime.settings import LogSettings

log = structlog.get_logger(__name__)
_STATM = Path("/proc/self/statm")


def peak_mib() -> float:
    """The most memory that this process ever used, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def used_mib() -> float:
    """The memory that this process uses now, in MiB; its peak where that is not told."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize() / (1024 * 1024)
    except (OSError, IndexError, ValueError):
        return peak_mib()


async def log_memory(settings: LogSettings) -> None:
    """Log it every `LOG_PROGRESS_EVERY_MS` until cancelled; ends at once if LOG_MEMORY is off."""
    while settings.log_memory:
        log.info("memory_used", usedMib=round(used_mib(), 1), peakMib=round(peak_mib(), 1))
        await asyncio.sleep(settings.log_progress_every_ms / 1000)
