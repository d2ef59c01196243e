"""What retention removes of checkouts, noted before any of it goes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pedidos_checkout.domain.removal import Removal, Removed


class Removals(Protocol):
    """One removal at a time, each of which is carried out whole, by whoever comes to it."""

    async def standing(self) -> Removed:
        """How far it came."""
        ...

    async def begin(self, number: int, removal: Removal, before: datetime) -> bool:
        """Note durably what goes from now on, of which nothing happened since `before`.

        False where another one is under way, or `number` is not the next: somebody else was
        faster.
        """
        ...

    async def end(self, number: int) -> None:
        """Nothing is left of what the removal of this number was to remove."""
        ...
