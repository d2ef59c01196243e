"""One small installation in Hypothesis' hands: what every kind of happening stands on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.runs import Run
from pedidos_worker.handlers import Answer, OrderHandler
from tests.world.handlers import Scripted
from tests.world.seat import Seat
from tests.world.small_world import SmallWorld
from tests.world.watched import Place
from tests.world.witness import Witness
from tests.world.worker import Worker

T = TypeVar("T")
Rule = Callable[..., bool | None]
Opens = Callable[[Callable[[Worker], OrderHandler]], SmallWorld]
HAPPENINGS: list[str] = []  # the name of each rule
places = st.integers(0, 1_000)


def happening(**drawn: Any) -> Callable[[Rule], Any]:
    """A rule, counted in `Installation.reached` unless it says False: nothing could happen."""

    def counted(method: Rule) -> Any:
        @wraps(method)
        def happens(self: Installation, **given: Any) -> None:
            if method(self, **given) is not False:
                self.reached[method.__name__] += 1

        HAPPENINGS.append(method.__name__)
        made: Any = rule(**drawn)
        return made(happens)

    return counted


class Installation(RuleBasedStateMachine):
    """At most three runs, one after the other.

    `opens` makes the world that it stands on, whose workers have a given handler.
    """

    reached: ClassVar[Counter[str]]
    loop: ClassVar[asyncio.AbstractEventLoop]
    opens: ClassVar[Opens]

    def __init__(self) -> None:
        super().__init__()
        self.reached["lives"] += 1
        self.tries: dict[int, int] = {}
        self.world = self.do(self._opened())
        self.witness = Witness(self.world)
        self.started: list[Run] = []
        self.seats: list[tuple[Seat, int]] = []
        self.late: list[str] = []

    async def _opened(self) -> SmallWorld:
        return type(self).opens(self._handler_of)  # inside the loop that it lives in

    def _handler_of(self, worker: Worker) -> OrderHandler:
        return Scripted(self._answer, lambda: worker.at(Place.MIDST))

    def _answer(self, sequence: int) -> Answer:
        self.tries[sequence] = self.tries.get(sequence, 0) + 1
        if sequence % 11 == 5:
            return PermanentOrderError("blocked")
        return ValueError("away") if sequence % 5 == 2 and self.tries[sequence] % 2 else None

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def current(self) -> Run:
        return self.do(self.world.run(self.started[-1]))

    def is_active(self) -> bool:
        return bool(self.started) and self.current().active

    def can_resume(self) -> bool:
        return bool(self.started) and self.current().resumable

    def worker(self, place: int) -> Worker:
        return self.world.workers[place % len(self.world.workers)]
