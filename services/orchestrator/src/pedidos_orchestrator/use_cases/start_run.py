"""Start a run, of generated or of imported orders."""

from __future__ import annotations

import secrets
from datetime import datetime

import structlog

from pedidos_common.domain.errors import RunAlreadyActive
from pedidos_common.domain.generation import GENERATOR_VERSION
from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.runs import Phase, Plan, Run, Source
from pedidos_common.ports import ENGINE_TOPIC, ImportReport
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.problems import ProblemError

MAX_SEED = 2**53 - 1  # every JSON reader keeps whole numbers up to this one

_log = structlog.get_logger()


async def start_generated(
    quantity: int, seed: int | None, deps: Deps, settings: ApiSettings, traceparent: str
) -> Run:
    """Start a run of `quantity` simulated orders.

    Raises:
        RunAlreadyActive: when another run is active.
        ResetInProgress: when a reset is wiping.
        ProblemError: 409, when the queue is closed.
    """
    await refuse_when_closed(deps)
    drawn = secrets.randbelow(MAX_SEED + 1) if seed is None else seed
    return await _start(_plan(quantity, drawn, settings), deps, settings, traceparent)


async def start_imported(
    report: ImportReport, deps: Deps, settings: ApiSettings, traceparent: str
) -> Run:
    """Start a run of the accepted rows of a staged import.

    Raises:
        RunAlreadyActive: when another run is active.
    """
    plan = _plan(report.accepted, 0, settings, import_id=report.id)
    return await _start(plan, deps, settings, traceparent)


async def refuse_when_closed(deps: Deps) -> None:
    """Whether new work is taken at all.

    Raises:
        ProblemError: 409, when the queue is closed.
    """
    if await deps.queue_state.read() == "closed":
        raise ProblemError(
            409,
            "the queue is closed to new work: resume it first (POST /pedidos/queue/resume)",
            slug="queue-closed",
        )


async def refuse_when_active(deps: Deps) -> None:
    """Whether a run is active.

    Raises:
        RunAlreadyActive: when one is.
    """
    active = await deps.runs.active()
    if active is not None:
        raise RunAlreadyActive(active.scope)


def _plan(quantity: int, seed: int, settings: ApiSettings, import_id: str | None = None) -> Plan:
    return Plan(
        quantity=quantity,
        chunk_size=settings.generation_chunk_size,
        batch_size=settings.orders_batch_size,
        normal_group_size=settings.normal_enqueue_batch_size,
        seed=seed,
        generator_version=GENERATOR_VERSION,
        source=Source.GENERATED if import_id is None else Source.IMPORTED,
        import_id=import_id,
    )


async def _start(plan: Plan, deps: Deps, settings: ApiSettings, traceparent: str) -> Run:
    now = await deps.runs.now()
    started = await deps.runs.start(
        Run(
            id=new_run_id(_milliseconds(now), secrets.randbits(34)),
            plan=plan,
            phase=Phase.IDLE,
            created_at=now,
            settings=dict(settings.run_settings),
            trace=traceparent,
        )
    )
    await deps.events.publish(ENGINE_TOPIC)
    _log.info("run_started", runId=started.scope, quantity=plan.quantity, source=plan.source)
    return started


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
