"""The loops that act while this process leads."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from pedidos_checkout.domain.checkouts import is_checkout
from pedidos_common.adapters.mongo.leases import MongoLeaderLease
from pedidos_common.domain.pipeline import Limits
from pedidos_common.execution.life_signs import LifeSigns, Turned
from pedidos_common.runtime.connections import Connections
from pedidos_common.runtime.supervise import supervised
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.engine.engine_metrics import expose_engine
from pedidos_orchestrator.engine.giving_way import Doorbell, YieldingLease
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.leader_metrics import LOOK_SECONDS as LEADER_LOOK_SECONDS
from pedidos_orchestrator.engine.leader_metrics import LeaderMetrics, LeaderPorts
from pedidos_orchestrator.engine.loop import EngineLoop
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler
from pedidos_orchestrator.engine.room_watch import LOOK_SECONDS, RoomWatch
from pedidos_orchestrator.engine.run_engine import EnginePorts, EngineSettings, RunEngine
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring.around import SERVICE
from pedidos_orchestrator.wiring.chores import housekeeping_of

CALLS_A_TURN = 4  # of MongoDB, in a turn of a loop that meets a server which hangs
# three seconds of the built-in handler's work
CHUNKS_AHEAD, BATCHES_AHEAD = 96, 200
LEAST_GROUPS_AHEAD, MOST_GROUPS_AHEAD = 4, 20


def background_of(
    settings: OrchestratorSettings,
    deps: Deps,
    database: Connections,
    name: str,
    signs: LifeSigns,
) -> tuple[Leadership, Mapping[str, Awaitable[object]]]:
    """Leadership, and the loops that act while this process leads."""
    # incarnations of a name sort by when they began
    holder = f"{name}/{time.time_ns():020d}-{uuid4().hex[:8]}"
    doorbell = Doorbell(deps.transport)
    lease = MongoLeaderLease(database.database)
    yielding = YieldingLease(lease, doorbell, deps.processes, SERVICE)
    leadership = Leadership(yielding, holder)
    steps = RunEngine(_engine_ports(deps, doorbell), engine_settings_of(settings))
    engine = EngineLoop(steps, leadership, deps.events)
    patience = Patience.for_lease(settings.lease_seconds)
    reconciler = Reconciler(deps.ledger, doorbell, scope_is_open(deps), leadership, patience)
    housekeeping = housekeeping_of(settings, deps, leadership)
    looks = {"room": 0, "metrics": 0}
    expose_engine(deps.registry, leadership, engine, reconciler, housekeeping, looks)
    loops: Mapping[str, Callable[[Turned], Awaitable[object]]] = {
        "leadership": leadership.run,
        "engine": engine.run,
        "reconcile": reconciler.run,
        "housekeeping": housekeeping.run,
    }

    def failed(name: str) -> None:
        looks[name] += 1

    room = RoomWatch(deps.room, deps.registry)
    metrics = leader_metrics_of(settings, deps, leadership)
    watching = supervised("room", room.look, LOOK_SECONDS, failed=failed)
    looking = supervised("metrics", metrics.look, LEADER_LOOK_SECONDS, failed=failed)
    return leadership, {
        name: run(signs.part(name, mongodb_calls=CALLS_A_TURN)) for name, run in loops.items()
    } | {"room": watching, "metrics": looking}


def scope_is_open(deps: Deps) -> Callable[[str], Awaitable[bool]]:
    """Whether jobs of a scope are wanted: of a checkout always, of a run while it is active."""

    async def is_open(scope: str) -> bool:
        return is_checkout(scope) or await deps.runs.is_open(scope)

    return is_open


def leader_metrics_of(
    settings: OrchestratorSettings, deps: Deps, leadership: Leadership
) -> LeaderMetrics:
    """What the leader tells; of reconciliations only where there is a payment provider."""
    ports = LeaderPorts(
        deps.runs,
        deps.ledger,
        deps.orders,
        deps.queue_state,
        deps.checkout.reconciliations if settings.payment_url is not None else None,
        settings.reconcile_every_minutes * 60.0,
    )
    metrics = LeaderMetrics(ports, leadership)
    deps.registry.register(metrics)
    return metrics


def _engine_ports(deps: Deps, doorbell: Doorbell) -> EnginePorts:
    return EnginePorts(
        runs=deps.runs,
        ledger=deps.ledger,
        orders=deps.orders,
        transport=doorbell,
        events=deps.events,
        queue_state=deps.queue_state,
        logs=deps.logs,
        tracing=deps.tracing,
    )


def _limits(group_orders: int, batch_orders: int) -> Limits:
    """Enough open work that nobody idles for the seconds in which a dead leader is replaced.

    Small batches are so many that fewer groups last as long, and Redis would hold them all.
    """
    groups = BATCHES_AHEAD * batch_orders // group_orders
    groups = min(max(groups, LEAST_GROUPS_AHEAD), MOST_GROUPS_AHEAD)
    return Limits(CHUNKS_AHEAD, vip_orders=groups * group_orders, normal_groups=groups)


def engine_settings_of(settings: OrchestratorSettings) -> EngineSettings:
    return EngineSettings(
        stall_seconds=settings.run_stall_timeout_ms / 1000,
        limits=_limits(settings.normal_enqueue_batch_size, settings.orders_batch_size),
        progress_log_seconds=settings.log_progress_every_ms / 1000,
    )
