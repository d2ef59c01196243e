"""What an orchestrator has one of, and its sign of life."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from pedidos_checkout.wiring import Providers
from pedidos_common.adapters.mongo.client import connect_blocking
from pedidos_common.adapters.mongo.leases import MongoLeaseKeeper
from pedidos_common.domain.queues import QueueTable
from pedidos_common.execution.heartbeat import Heartbeat, Rhythm
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.life_signs import LifeSigns
from pedidos_common.ports import ProcessReport, Tracing
from pedidos_common.runtime.connections import Connections
from pedidos_orchestrator.settings import OrchestratorSettings

SERVICE = "orchestrator"


@dataclass(frozen=True, slots=True)
class Around:
    """What a process has one of: its name, connections, leases, and ways to tell of itself."""

    name: str
    connections: Connections
    providers: Providers
    held: HeldLeases
    registry: CollectorRegistry
    signs: LifeSigns
    tracing: Tracing
    table: QueueTable


@contextmanager
def heartbeat_of(
    settings: OrchestratorSettings, service: str, name: str, held: HeldLeases, signs: LifeSigns
) -> Iterator[Heartbeat]:
    """The sign of life of a process, and of the jobs that it does itself."""

    def report() -> ProcessReport:
        return ProcessReport(name, service, socket.gethostname(), os.getpid())

    with connect_blocking(settings.mongo_uri.get_secret_value(), "heartbeat") as client:
        keeper = MongoLeaseKeeper(client, settings.mongo_db, settings.lease_seconds)
        rhythm = Rhythm(every_seconds=settings.heartbeat_seconds)
        yield Heartbeat(keeper, held, report, rhythm, signs=signs)
