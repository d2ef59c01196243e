"""The orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.orders import Order, OrderFailure, Priority, StatusCounts
from pedidos_common.ports.paging import Page


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a listing wants; None does not filter."""

    run_id: UUID | None = None
    priority: Priority | None = None
    status: str | None = None
    tier: str | None = None
    cliente: str | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order with all that is stored about it, for listings and exports."""

    order: Order
    status: str
    observacoes: str
    processed_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None
    ordered_at: datetime | None = None
    quantidade: int | None = None


class EncodedOrders(Protocol):
    """The orders of one chunk, encoded for the store: VIP ones first, ids rising."""

    @property
    def range(self) -> OrderRange:
        """The ids of all of them."""
        ...

    @property
    def vip(self) -> int:
        """How many of them are VIP."""
        ...


class OrderStore(Protocol):
    """Orders. Every change filters on `status: pendente`, so it happens once.

    An order that was sent again after it was dead (`revive`) is the redrive's alone: what works
    on ranges passes it by, and `count` counts its first final state, `falhou`.
    """

    async def insert_chunk(self, orders: Any, redelivered: bool) -> int:
        """Write the orders of a chunk, each once however often this is called.

        Returns how many of them are in the store afterwards.
        """
        ...

    async def read_pending(self, orders: OrderRange, limit: int) -> Sequence[Order]:
        """The first `limit` orders of the range that are pendente, by id."""
        ...

    async def read_pending_among(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """Those of these orders that are pendente, by id."""
        ...

    async def mark_processed(
        self,
        orders: OrderRange,
        observacoes: str,
        fence: datetime,
        except_ids: Sequence[UUID] = (),
        *,
        first_time: bool = False,
    ) -> int:
        """Make the range's pendente orders processado, except some; how many changed.

        `first_time` says that no order of the range can have been dead before, which spares
        the look for it at each order.

        Refused by the server when its clock is past `fence` (the lease's end).
        """
        ...

    async def mark_each(self, observations: Mapping[UUID, str], fence: datetime) -> int:
        """Make these pendente orders processado, each with its own observation; how many."""
        ...

    async def mark_failures(self, failures: Sequence[OrderFailure], fence: datetime) -> int:
        """Count a failed attempt of each order, and make the final ones falhou."""
        ...

    async def fail_rest(self, orders: OrderRange, error: str, fence: datetime) -> int:
        """Make what is still pendente in the range falhou; how many."""
        ...

    async def count(self, orders: OrderRange) -> StatusCounts:
        """How many orders of the range stand where."""
        ...

    async def get(self, order_id: UUID) -> OrderRecord | None:
        """The order, or None."""
        ...

    async def page(self, wanted: OrderFilter, limit: int, cursor: str | None) -> Page[OrderRecord]:
        """Orders by id, at most `limit`."""
        ...

    async def dead(self, limit: int) -> int:
        """How many orders of all runs are falhou; not more than `limit` are looked at."""
        ...

    def export(self, run_id: UUID) -> AsyncIterator[OrderRecord]:
        """Every order of a run, by id."""
        ...

    async def delete_pending(self, orders: OrderRange) -> int:
        """Delete the pendente orders of the range; how many."""
        ...

    async def delete(self, orders: OrderRange | None) -> int:
        """Delete every order of the range, or all orders; how many."""
        ...

    async def delete_before(self, run_id: UUID) -> int:
        """Delete every order of runs that started before this one; how many."""
        ...

    async def revive(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """Make those of these orders that are falhou pendente again, with no attempts; which."""
        ...

    async def erase_customer(self, cliente: str) -> int:
        """Replace the customer's name wherever it stands in orders; how many orders.

        What an order handler wrote about them (`error`, `observacoes`) may hold it, and is
        replaced too; the built-in observations stay.
        """
        ...
