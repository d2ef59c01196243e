"""What is asked of Redis, and must not hold up what MongoDB has already settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import Bell, LogGathering, Transport

PATIENCE_SECONDS = 2.0

log = structlog.get_logger(__name__)


async def purge_rings(transport: Transport, queues: Iterable[str]) -> int:
    """Forget the rings of the queues; how many. One that is left rings for nothing."""
    purged = 0

    async def purge() -> None:
        nonlocal purged
        for queue in queues:
            purged += await transport.purge(queue)

    await _tried(purge(), "rings_not_purged")
    return purged


async def clear_logs(logs: LogGathering) -> bool:
    """Forget the gathered log lines; whether they are gone."""
    return await _tried(logs.clear(), "logs_not_cleared")


async def ring(transport: Transport, bells: Sequence[Bell]) -> bool:
    """Ring for jobs that are stored; whether that worked. The reconciler rings what is lost."""
    return await _tried(transport.ring(bells), "rings_lost")


async def _tried(call: Awaitable[None], event: str) -> bool:
    try:
        await asyncio.wait_for(call, PATIENCE_SECONDS)
    except (Unavailable, TimeoutError) as error:
        log.warning(event, error=str(error)[:200] or "no answer in time")
        return False
    return True
