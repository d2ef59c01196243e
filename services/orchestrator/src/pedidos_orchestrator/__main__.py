"""Start an orchestrator: `python -m pedidos_orchestrator`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from fastapi import FastAPI

from pedidos_checkout.wiring import providers_of
from pedidos_common.domain.queues import QueueTable
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.life_signs import LifeSigns
from pedidos_common.runtime.connections import connected, wait_for_servers
from pedidos_common.runtime.event_loop import run
from pedidos_common.runtime.listening import listening_socket, port_of, write_port_file
from pedidos_common.runtime.load_settings import load
from pedidos_common.runtime.logging import Logs, configure_logging
from pedidos_common.runtime.loop_lag import LoopLag
from pedidos_common.runtime.memory_log import log_memory
from pedidos_common.runtime.metrics import new_registry, watch_dropped_logs
from pedidos_common.runtime.queue_file import queues_of
from pedidos_common.runtime.server_metrics import ServerMetrics
from pedidos_common.runtime.supervise import end_other_tasks, running, stop_on_signals
from pedidos_common.runtime.tracing import traced
from pedidos_orchestrator.app import create_app, drain_checkouts, end_streams
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.server import LiveServer, config_of
from pedidos_orchestrator.settings import OrchestratorSettings, check_guarded
from pedidos_orchestrator.wiring import (
    SERVICE,
    Around,
    api_settings_of,
    background_of,
    deps_of,
    heartbeat_of,
)

log = structlog.get_logger(__name__)
LEAVE_SECONDS = 15.0
DRAIN_SECONDS = 8.0
STRAGGLERS_SECONDS = 3.0


def _server(app: FastAPI) -> LiveServer:
    return LiveServer(config_of(app), lambda: end_streams(app))


async def _act(
    settings: OrchestratorSettings,
    deps: Deps,
    around: Around,
    stop: asyncio.Event,
    drain: Callable[[], Awaitable[None]],
) -> None:
    """Lead, step, repair and tidy until told to stop, once the servers are there."""
    connections, name, signs = around.connections, around.name, around.signs
    if not await wait_for_servers(settings, connections, stop):
        return
    leadership, loops = background_of(settings, deps, connections, name, signs)
    with heartbeat_of(settings, SERVICE, name, around.held, signs) as heartbeat:
        heartbeat.start(asyncio.get_running_loop())
        async with running(loops):
            await stop.wait()
        await leadership.resign()
        await drain()
        await asyncio.to_thread(heartbeat.stop)
        await deps.events.close()


async def _serve(
    settings: OrchestratorSettings,
    table: QueueTable,
    listening: socket.socket,
    logs: Logs,
    name: str,
) -> None:
    stop = stop_on_signals()
    registry, signs = new_registry(), LifeSigns()
    watch_dropped_logs(registry, lambda: logs.dropped)
    lag = LoopLag(registry)
    async with (
        traced(settings, SERVICE, name, registry) as tracing,
        connected(settings, name, ServerMetrics(registry), tracing) as connections,
    ):
        write_port_file(settings.port_file, port_of(listening))
        providers = providers_of(settings, connections, registry)
        held = HeldLeases(settings.lease_seconds)
        around = Around(name, connections, providers, held, registry, signs, tracing, table)
        deps = deps_of(settings, around)
        app = create_app(deps, api_settings_of(settings))
        server = _server(app)
        drain = partial(drain_checkouts, app, DRAIN_SECONDS)
        act = asyncio.ensure_future(_act(settings, deps, around, stop, drain))
        acting = {
            "act": act,
            "ship logs": logs.ship(deps.logs),
            "memory": log_memory(settings),
            "loop lag": lag.watch(),
        }
        serving = asyncio.create_task(server.serve([listening]))
        log.info("api_started", host=settings.host, port=port_of(listening))
        async with running(acting):
            await asyncio.wait(
                [serving, asyncio.create_task(stop.wait())], return_when="FIRST_COMPLETED"
            )
            stop.set()
            server.should_exit = True
            await serving
            # it has still to give the lead up, and to take leave
            await asyncio.wait([act], timeout=LEAVE_SECONDS)
            await providers.close()
        await logs.ship_rest(deps.logs)


async def _live(
    settings: OrchestratorSettings,
    table: QueueTable,
    listening: socket.socket,
    logs: Logs,
    name: str,
) -> None:
    try:
        await _serve(settings, table, listening, logs, name)
        left = await end_other_tasks(STRAGGLERS_SECONDS)
    finally:
        logs.close()
    if left:  # Python would wait for them for ever
        os._exit(0)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = load(OrchestratorSettings)
    check_guarded(settings)
    table = queues_of(settings.queues_file)
    name = settings.name_for(SERVICE)
    listening = listening_socket(settings.host, settings.port, "PORT")
    logs = configure_logging(settings, SERVICE, name)
    run(_live(settings, table, listening, logs, name))


if __name__ == "__main__":
    main()
