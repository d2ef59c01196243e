"""Circuit breakers in memory; those who share the object share them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from pedidos_common.domain import breakers
from pedidos_common.domain.breakers import Admitted, Breaker, BreakerPolicy, BreakerState, Paused


class InMemoryBreakers:
    """`ports.Breakers` on a clock of its own."""

    def __init__(self, policy: BreakerPolicy, clock: Callable[[], datetime]) -> None:
        self._policy, self._clock = policy, clock
        self._kept: dict[str, Breaker] = {}

    def _now(self) -> float:
        return self._clock().timestamp()

    def _of(self, name: str) -> Breaker:
        return self._kept.get(name, breakers.CLOSED)

    async def admit(self, name: str) -> Admitted | Paused:
        """See `ports.Breakers.admit`."""
        after, answer = breakers.admit(self._of(name), self._policy, self._now(), uuid4().hex)
        self._kept[name] = after
        return answer

    async def succeeded(self, name: str, admitted: Admitted, *, look_up: bool = False) -> None:
        """See `ports.Breakers.succeeded`."""
        self._kept[name] = breakers.succeeded(self._of(name), admitted, look_up=look_up)

    async def failed(self, name: str, admitted: Admitted, *, look_up: bool = False) -> bool:
        """See `ports.Breakers.failed`."""
        before, now = self._of(name), self._now()
        self._kept[name] = breakers.failed(before, self._policy, now, admitted, look_up=look_up)
        return self._kept[name].open_until > before.open_until

    def state(self, name: str) -> BreakerState:
        """See `ports.Breakers.state`."""
        return self._of(name).state(self._now())
