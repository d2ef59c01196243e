"""The processes of a stack: who is there, who is ready, and how all of them end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from pedidos_cli import process_log
from pedidos_cli.processes import Death, ProcessSpec, SupervisedProcess
from pedidos_cli.stack_file import ProcessEntry
from pedidos_cli.stack_plan import ASKED_ROLES


class Supervised:
    """The servers and services of a stack, supervised; needs a running event loop.

    A service that joins later, or that leaves, does not make the stack unready meanwhile.
    """

    def __init__(self, on_change: Callable[[], None], on_death: Callable[[Death], None]) -> None:
        self._on_change = on_change
        self._on_death = on_death
        self._all: list[SupervisedProcess] = []
        self._joining: list[SupervisedProcess] = []
        self._leaving: dict[SupervisedProcess, asyncio.Task[None]] = {}

    def start(self, specs: Iterable[ProcessSpec], *, joins: bool = False) -> None:
        """Starts these; with `joins`, the others are complete without them."""
        for spec in specs:
            process_log.rotate(spec.log)
            process = SupervisedProcess(spec, self._on_change, self._on_death)
            self._all.append(process)
            if joins:
                self._joining.append(process)
            process.start()

    def leave(self, count: int, role: str) -> None:
        """The `count` of that role that came last begin to end what they do."""
        for process in self.of_role(role)[-count:]:
            self._all.remove(process)
            self._leaving[process] = asyncio.create_task(
                self._end(process), name=f"stop {process.spec.name}"
            )

    async def stop(self) -> None:
        """Services first, then servers; when cancelled meanwhile, kills what is left at once."""
        everyone = [*self._all, *self._leaving]
        try:
            await asyncio.gather(*(one.stop() for one in self.services()), *self._leaving.values())
            await asyncio.gather(*(one.stop() for one in self.servers()))
        finally:
            await asyncio.gather(*(one.kill() for one in everyone))
            self._all.clear()

    async def check(self) -> bool:
        """Asks all that are not ready whether they are; True when there is news."""
        waiting = [one for one in self._all if not one.ready]
        news = any(await asyncio.gather(*(one.check() for one in waiting)))
        self._joining = [one for one in self._joining if one in self._all and not one.ready]
        return news

    def unready(self) -> list[SupervisedProcess]:
        """Those that are not ready, and that the stack is not complete without."""
        return [one for one in self._all if not one.ready and one not in self._joining]

    def rest(self) -> bool:
        """Whether all are ready: there is nothing to ask them."""
        return all(one.ready for one in self._all)

    def servers_gone(self) -> None:
        """A server ended: whoever depends on it must say again that it is ready."""
        for process in self._all:
            process.ready = False

    def services(self) -> list[SupervisedProcess]:
        """The processes that are ours."""
        return [one for one in self._all if one.spec.role not in ASKED_ROLES]

    def servers(self) -> list[SupervisedProcess]:
        """MongoDB and Redis, where they are embedded, and the sandbox, where there is one."""
        return [one for one in self._all if one.spec.role in ASKED_ROLES]

    def of_role(self, role: str) -> list[SupervisedProcess]:
        """The processes of that role, in the order in which they came."""
        return [one for one in self._all if one.spec.role == role]

    def indexes(self, role: str) -> frozenset[int]:
        """The indexes of that role that are taken: one that leaves still has its name and log."""
        everyone = (*self._all, *self._leaving)
        return frozenset(one.spec.index for one in everyone if one.spec.role == role)

    def entries(self) -> list[ProcessEntry]:
        """The lines of all that were started, as in `stack.json`."""
        return [one.entry() for one in self._all if one.pid is not None]

    def specs(self) -> list[ProcessSpec]:
        """What all are that may still write to their logs."""
        return [one.spec for one in (*self._all, *self._leaving)]

    async def _end(self, process: SupervisedProcess) -> None:
        await process.stop()
        self._leaving.pop(process, None)
        self._on_change()
