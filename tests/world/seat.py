"""One orchestrator: it leads while it holds the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pedidos_orchestrator.engine.aftermath import Aftermath
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.reconcile import Reconciler
from pedidos_orchestrator.engine.run_engine import EnginePorts, EngineSettings, Pace, RunEngine

if TYPE_CHECKING:
    from tests.world.small_world import SmallWorld


class Seat:
    """An orchestrator's parts, each moved by hand."""

    def __init__(self, world: SmallWorld, name: str) -> None:
        self.name, self._world = name, world
        self.leadership = Leadership(world.leader_lease, name, world.monotonic)
        settings = EngineSettings(world.stall_seconds, world.limits)
        self.engine = RunEngine(_engine_ports(world), settings, world.monotonic)
        self.reconciler = Reconciler(
            world.ledger,
            world.transport,
            world.runs.is_open,
            self.leadership,
            world.patience,
            world.monotonic,
        )
        self.aftermath = Aftermath(
            world.runs, world.orders, world.ledger, world.transport, world.imports, True
        )

    async def lead(self) -> int | None:
        """Try to take or keep the lease; the epoch."""
        await self.leadership._try()
        epoch = self.leadership.epoch
        if epoch is not None:
            self._world.note_reign(epoch, self)
        return epoch

    async def step(self) -> Pace:
        """One step of the engine, if this one leads."""
        epoch = await self.lead()
        return Pace.IDLE if epoch is None else await self.engine.step(epoch)

    async def repair(self) -> None:
        """One round of the reconciler, if this one leads."""
        if await self.lead() is not None:
            await self.reconciler.round()


def _engine_ports(world: SmallWorld) -> EnginePorts:
    return EnginePorts(
        runs=world.runs,
        ledger=world.ledger,
        orders=world.orders,
        transport=world.transport,
        events=world.events,
        queue_state=world.queue_state,
        logs=world.logs,
    )
