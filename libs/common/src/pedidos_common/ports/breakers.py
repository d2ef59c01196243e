"""Circuit breakers that all processes share."""

from __future__ import annotations

from typing import Protocol

from pedidos_common.domain.breakers import Admitted, BreakerState, Paused


class Breakers(Protocol):
    """One breaker for each name, shared by all processes as well as their server allows.

    A call is admitted, made, and told of: `Paused` means that it must not be made. While the
    server of their records is away no method raises: each process judges by what it knew last and
    by what it sees itself. What another process saw is known a moment later: a second at most.
    """

    async def admit(self, name: str) -> Admitted | Paused:
        """Whether a call may be made now. Half open, one is let through over all processes."""
        ...

    async def succeeded(self, name: str, admitted: Admitted, *, look_up: bool = False) -> None:
        """The call was answered, if with a no; a `look_up` says nothing of calls that change."""
        ...

    async def failed(self, name: str, admitted: Admitted, *, look_up: bool = False) -> bool:
        """The call was not answered; whether that opened the breaker."""
        ...

    def state(self, name: str) -> BreakerState:
        """What this process knows of the breaker."""
        ...
