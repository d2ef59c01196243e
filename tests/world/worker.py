"""One process that executes jobs of both kinds, until it crashes."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.refusals import Refusals
from pedidos_common.execution.scope_gate import ScopeGate
from tests.world.watched import FencedOrders, Place, SettlingLedger

if TYPE_CHECKING:
    from tests.world.small_world import SmallWorld


class Trouble(Enum):
    """What can happen to a worker there."""

    DIES = auto()
    FREEZES = auto()


class Worker:
    """A process' executor and leases; its heart beats only when `beat` is called."""

    def __init__(self, world: SmallWorld, name: str, slots: int = 2) -> None:
        self._world, self.name = world, name
        self.held = HeldLeases(world.lease_seconds)
        gate = ScopeGate(world.runs.is_open, remember_seconds=0)
        ledger: Any = SettlingLedger(world.ledger, self, world.note_claim, world.breaches)
        self.orders: Any = FencedOrders(world.orders, world.now, world.breaches)
        functions = world.functions_for(self)
        self.executor = Executor(ledger, functions, self.held, gate, name, slots)
        # how long it steps back from what it does not know is told by the world's clock
        self.executor._refusals = Refusals(world.monotonic)
        self.dying = False
        self.troubles: dict[Place, Trouble] = {}
        self.waiting = 0
        self._moves = asyncio.Event()
        self._moves.set()

    @property
    def frozen(self) -> bool:
        """Whether it is stopped, as by SIGSTOP: it gets no further in anything, nor beats."""
        return not self._moves.is_set()

    def freeze(self) -> None:
        self._moves.clear()

    def thaw(self) -> None:
        self._moves.set()

    async def moves(self) -> None:
        """Returns at once, unless the process is frozen: then when it goes on."""
        await self.waits_for(self._moves)

    async def at(self, place: Place) -> None:
        """A job of it has come there: what was foreseen for it happens, once."""
        trouble = self.troubles.pop(place, None)
        if trouble is Trouble.DIES:
            self.die()
            await self.waits_for(asyncio.Event())
        if trouble is Trouble.FREEZES:
            self.freeze()
        await self.moves()

    async def waits_for(self, event: asyncio.Event) -> None:
        """Wait inside a job, and count as waiting meanwhile."""
        self.waiting += 1
        try:
            await event.wait()
        finally:
            self.waiting -= 1

    async def beat(self) -> None:
        """Extend every lease of the process, as its heartbeat does."""
        if self.frozen:
            return
        now = asyncio.get_running_loop().time()
        leases = self.held.to_extend(now)
        until, lost = await self._world.extend(self, leases)
        self.held.extended(set(leases) - lost, now, until)
        self.held.lose(lost)

    def die(self) -> None:
        """End soon, from inside one of its own jobs."""
        self.dying = True

    def crash(self) -> None:
        """End at once, as by SIGKILL: nothing is settled or handed back."""
        self.executor.stopping = True
        for task, held in list(self.executor._tasks.items()):
            held.lost = True
            task.cancel()
