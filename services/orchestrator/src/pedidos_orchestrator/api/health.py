"""Health of the queue."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_status import QueueHealth
from pedidos_orchestrator.problems import problems
from pedidos_orchestrator.use_cases.health import gather_facts, health_of
from pedidos_orchestrator.use_cases.queue_health import counted_up_to

router = APIRouter(prefix="/pedidos", tags=["operations"])


@router.get(
    "/health/queue",
    summary="Health of the queue",
    response_model=QueueHealth,
    responses=problems(503),
)
async def queue_health(api: Context) -> dict[str, Any]:
    """What waits and moves, which processes live, and what is wrong."""
    facts = await gather_facts(await api.queue_state.read(), api.counts, api.deps, api.settings)
    return health_of(facts, api.settings, counted_up_to(api.deps.table))
