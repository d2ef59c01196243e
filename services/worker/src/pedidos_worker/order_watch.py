"""Who is told how many orders came to their end here, as metrics are."""

from __future__ import annotations

from typing import Protocol

from pedidos_common.domain.orders import Priority


class OrderWatch(Protocol):
    """Is told of each write that ended orders; must be quick, and never raise."""

    def __call__(self, priority: Priority, *, processed: int = 0, failed: int = 0) -> None:
        """So many orders of the priority became processado and falhou."""
        ...


def ignore_orders(priority: Priority, *, processed: int = 0, failed: int = 0) -> None:
    """The watch that notes nothing."""
