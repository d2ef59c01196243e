"""How often jobs of a queue may begin, over all processes together."""

from __future__ import annotations

from typing import Protocol

from pedidos_common.domain.queues import Rate


class Turnstile(Protocol):
    """Counts beginnings, and never lets through more than a rate allows in any of its windows.

    A beginning counts at the moment in which its process asked, by that process' clock. What was
    counted may be lost with the server that counts; then as many may begin once more.
    """

    async def enter(self, queue: str, rate: Rate) -> float:
        """Let one job begin: 0.0, or the seconds after which there may be room for it."""
        ...
