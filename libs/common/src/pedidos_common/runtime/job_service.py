"""The skeleton of a service that executes jobs: what generator and worker have in common."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from pedidos_common.adapters.mongo.client import connect_blocking
from pedidos_common.adapters.mongo.controls import MongoQueueState
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoLeaseKeeper
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.adapters.redis.events import RedisEvents
from pedidos_common.adapters.redis.logs import RedisLogGathering
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.adapters.redis.turnstile import RedisTurnstile
from pedidos_common.domain.queues import QueueTable
from pedidos_common.execution.life_signs import LifeSigns
from pedidos_common.execution.process import Duties, Surroundings, execute_jobs
from pedidos_common.execution.registry import JobFunction, table
from pedidos_common.ports import Tracing
from pedidos_common.runtime.connections import (
    Connections,
    ServerSettings,
    connected,
    wait_for_servers,
)
from pedidos_common.runtime.job_metrics import JobMetrics
from pedidos_common.runtime.logging import Logs, configure_logging
from pedidos_common.runtime.loop_lag import LoopLag
from pedidos_common.runtime.memory_log import log_memory
from pedidos_common.runtime.metrics import new_registry, watch_dropped_logs
from pedidos_common.runtime.readiness import checks_of
from pedidos_common.runtime.server_metrics import ServerMetrics
from pedidos_common.runtime.settings import (
    LeaseSettings,
    LogSettings,
    MetricsSettings,
    ProcessSettings,
    QueueSettings,
    TracingSettings,
)
from pedidos_common.runtime.status_server import StatusServer
from pedidos_common.runtime.supervise import end_other_tasks, running, stop_on_signals
from pedidos_common.runtime.tracing import traced

BLOCKING_CLIENT = "heartbeat"
STRAGGLERS_SECONDS = 3.0


class JobServiceSettings(
    ServerSettings,
    LogSettings,
    MetricsSettings,
    LeaseSettings,
    TracingSettings,
    ProcessSettings,
    QueueSettings,
):
    """What every service that executes jobs is told."""


def is_nothing_else(_scope: str) -> bool:
    """Every scope is a run."""
    return False


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of service: its name, the queues it serves, and its jobs at once.

    `slots` are for queues for which `table` does not say how many. Jobs of scopes that
    `never_closes` names are always wanted; other scopes are runs.
    """

    name: str
    queues: Sequence[str]
    slots: int
    table: QueueTable = field(default_factory=QueueTable)
    never_closes: Callable[[str], bool] = is_nothing_else


Functions = Callable[[Connections], Sequence[JobFunction]]


async def run_job_service(
    service: Service,
    settings: JobServiceSettings,
    functions: Functions,
    registry: CollectorRegistry | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; then drain, hand back what is left, and return.

    `registry` may have metrics of the service's own; without one it is a new one.
    """
    name = settings.name_for(service.name)
    logs = configure_logging(settings, service.name, name)
    stop = stop_on_signals()
    registry = registry or new_registry()
    metrics, signs = JobMetrics(registry), LifeSigns()
    watch_dropped_logs(registry, lambda: logs.dropped)
    lag = LoopLag(registry)
    try:
        async with (
            traced(settings, service.name, name, registry) as tracing,
            connected(settings, name, ServerMetrics(registry), tracing) as connections,
        ):
            checks = checks_of(connections, signs, settings.lease_seconds)
            status = StatusServer(registry, checks, signs.stuck)
            await status.start(settings.host, settings.metrics_port, port_file=settings.port_file)
            async with running({"loop lag": lag.watch()}):
                tells = _Tells(logs, metrics, signs, tracing)
                await _serve(service, settings, name, connections, functions, tells, stop)
            await status.close()
        left = await end_other_tasks(STRAGGLERS_SECONDS)
    finally:
        logs.close()
    if left:  # Python would wait for them for ever
        os._exit(0)


@dataclass(frozen=True, slots=True)
class _Tells:
    """By what a process tells of itself."""

    logs: Logs
    metrics: JobMetrics
    signs: LifeSigns
    tracing: Tracing


async def _serve(
    service: Service,
    settings: JobServiceSettings,
    name: str,
    connections: Connections,
    functions: Functions,
    tells: _Tells,
    stop: asyncio.Event,
) -> None:
    gathering = RedisLogGathering(connections.redis, connections.key_prefix)
    beside = {"ship logs": tells.logs.ship(gathering), "memory": log_memory(settings)}
    async with running(beside):
        if not await wait_for_servers(settings, connections, stop):
            return
        heart = connect_blocking(settings.mongo_uri.get_secret_value(), BLOCKING_CLIENT)
        with heart:
            keeper = MongoLeaseKeeper(heart, settings.mongo_db, settings.lease_seconds)
            events = RedisEvents(connections.redis, connections.key_prefix)
            around = _surroundings(service, connections, keeper, events, settings, tells)
            duties = _duties(service, settings, name)
            known = table(functions(connections), service.table)
            tells.metrics.knows(known)
            await execute_jobs(duties, around, known, stop, tells.metrics, tells.signs)
            await events.close()
    await tells.logs.ship_rest(gathering)


def _surroundings(
    service: Service,
    connections: Connections,
    keeper: MongoLeaseKeeper,
    events: RedisEvents,
    settings: JobServiceSettings,
    tells: _Tells,
) -> Surroundings:
    database, redis, prefix = connections.database, connections.redis, connections.key_prefix
    runs = MongoRunStore(database)

    async def scope_is_open(scope: str) -> bool:
        return service.never_closes(scope) or await runs.is_open(scope)

    return Surroundings(
        ledger=MongoJobLedger(database, settings.lease_seconds, together=True),
        keeper=keeper,
        transport=ArqTransport(redis, prefix, tells.metrics.waited),
        events=events,
        queue_state=MongoQueueState(database),
        scope_is_open=scope_is_open,
        tracing=tells.tracing,
        turnstile=RedisTurnstile(redis, prefix),
    )


def _duties(service: Service, settings: JobServiceSettings, name: str) -> Duties:
    return Duties(
        name=name,
        service=service.name,
        host=socket.gethostname(),
        pid=os.getpid(),
        queues=service.queues,
        slots=service.slots,
        table=service.table,
        lease_seconds=settings.lease_seconds,
    )
