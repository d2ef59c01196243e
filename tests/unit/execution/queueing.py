"""A server that writes queue up at: so many processors, shared by all that goes on at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pedidos_common.execution.latency_limit import LatencyLimit, Write

WORK_SECONDS = 0.01


@dataclass
class Task:
    """What is left to do of one write, after a wait that needs no processor."""

    client: int
    orders: int
    began_at: float
    beside: int
    pause: float
    work: float


@dataclass
class Server:
    """`processors` may be changed at any time; `pause` is spent without one (a journal, a wire)."""

    processors: float
    pause: float = 0.0
    noise: float = 0.0
    orders: Callable[[random.Random], int] = lambda _draw: 1_000
    fixed_work: float = 0.0
    draw: random.Random = field(default_factory=lambda: random.Random(7))

    def task(self, client: int, now: float, beside: int) -> Task:
        orders = self.orders(self.draw)
        work = self.fixed_work + WORK_SECONDS * orders / 1_000
        work *= self.draw.lognormvariate(0, self.noise) if self.noise else 1.0
        return Task(client, orders, now, beside, self.pause, work)

    def step(self, tasks: list[Task]) -> float:
        """The seconds until something changes, which are worked off all tasks."""
        working = [task for task in tasks if task.pause <= 0]
        rate = min(1.0, self.processors / len(working)) if working else 1.0
        nexts = [task.pause for task in tasks if task.pause > 0]
        seconds = min([*nexts, *(task.work / rate for task in working)])
        for task in working:
            task.work -= seconds * rate
        for task in tasks:
            task.pause -= seconds if task.pause > 0 else 0.0
        return seconds


def busy(server: Server, limits: list[LatencyLimit]) -> Iterator[float]:
    """Clients that always have something to write, as many at once as they may; yields the time."""
    now, tasks = 0.0, list[Task]()
    while True:
        for client, limit in enumerate(limits):
            mine = sum(task.client == client for task in tasks)
            for _ in range(limit.allowed - mine):
                mine += 1
                tasks.append(server.task(client, now, mine))
        now += server.step(tasks)
        for task in [task for task in tasks if task.pause <= 1e-12 and task.work <= 1e-12]:
            mine = sum(other.client == task.client for other in tasks)
            beside = max(task.beside, mine)
            limits[task.client].ended(Write(task.orders, task.began_at, now, beside))
            tasks.remove(task)
        yield now


def run_until(server: Iterator[float], time: float) -> None:
    """Let it work until then."""
    for now in server:
        if now >= time:
            return
