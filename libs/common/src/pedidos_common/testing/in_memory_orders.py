"""Orders in memory, with the guarantees of `ports.OrderStore`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pedidos_common.domain.ids import OrderRange, whole_run
from pedidos_common.domain.orders import (
    ERASED,
    NAMELESS,
    Order,
    OrderFailure,
    OrderStatus,
    Priority,
    StatusCounts,
)
from pedidos_common.ports import OrderFilter, OrderRecord, Page


@dataclass(frozen=True, slots=True)
class PlainChunk:
    """The orders of one chunk, not encoded at all; see `ports.EncodedOrders`."""

    range: OrderRange
    orders: Sequence[Order]

    @property
    def vip(self) -> int:
        """How many of them are VIP."""
        return sum(order.priority is Priority.VIP for order in self.orders)


def _fits(record: OrderRecord, wanted: OrderFilter) -> bool:
    order = record.order
    return (
        (wanted.run_id is None or _inside(order.id, whole_run(wanted.run_id)))
        and wanted.priority in {None, order.priority}
        and wanted.status in {None, record.status}
        and wanted.tier in {None, order.tier}
        and wanted.cliente in {None, order.cliente}
    )


def _inside(order_id: UUID, orders: OrderRange) -> bool:
    return orders.low <= order_id <= orders.high


class InMemoryOrderStore:
    """Orders in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._records: dict[UUID, OrderRecord] = {}
        self._redriven: set[UUID] = set()

    async def insert_chunk(self, orders: PlainChunk, redelivered: bool) -> int:
        """See `ports.OrderStore.insert_chunk`."""
        del redelivered  # looking first is only a way to be quick
        for order in orders.orders:
            self._records.setdefault(order.id, OrderRecord(order, OrderStatus.PENDENTE, ""))
        return len(self._between(orders.range))

    def _all(self) -> list[OrderRecord]:
        return [record for _, record in sorted(self._records.items())]

    def _between(self, orders: OrderRange, status: OrderStatus | None = None) -> list[OrderRecord]:
        """Those of the range, by their first final state: what was sent again counts as dead."""
        inside = [record for record in self._all() if _inside(record.order.id, orders)]
        return [record for record in inside if status in {None, self._first_final(record)}]

    def _first_final(self, record: OrderRecord) -> str:
        return OrderStatus.FALHOU if record.order.id in self._redriven else record.status

    def _pending(self, ids: Sequence[UUID], fence: datetime) -> list[OrderRecord]:
        if self._clock() > fence:
            return []
        found = [self._records[order_id] for order_id in ids if order_id in self._records]
        return [record for record in found if record.status == OrderStatus.PENDENTE]

    def _pending_between(self, orders: OrderRange, fence: datetime) -> list[OrderRecord]:
        found = self._between(orders, OrderStatus.PENDENTE)
        return self._pending([record.order.id for record in found], fence)

    def _save(self, record: OrderRecord) -> None:
        self._records[record.order.id] = record

    async def read_pending(self, orders: OrderRange, limit: int) -> Sequence[Order]:
        """See `ports.OrderStore.read_pending`."""
        found = self._between(orders, OrderStatus.PENDENTE)[:limit]
        return [record.order for record in found]

    async def read_pending_among(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """See `ports.OrderStore.read_pending_among`."""
        found = (
            self._records[order_id] for order_id in sorted(order_ids) if order_id in self._records
        )
        return [record.order for record in found if record.status == OrderStatus.PENDENTE]

    async def mark_processed(
        self,
        orders: OrderRange,
        observacoes: str,
        fence: datetime,
        except_ids: Sequence[UUID] = (),
        *,
        first_time: bool = False,
    ) -> int:
        """See `ports.OrderStore.mark_processed`."""
        # who says so wrongly gets what was sent again too
        status = None if first_time else OrderStatus.PENDENTE
        inside = self._between(orders, status)
        found = self._pending([record.order.id for record in inside], fence)
        chosen = [record for record in found if record.order.id not in set(except_ids)]
        for record in chosen:
            self._process(record, observacoes)
        return len(chosen)

    def _process(self, record: OrderRecord, observacoes: str) -> None:
        order = replace(record.order, attempts=record.order.attempts + 1)
        self._save(
            replace(
                record,
                order=order,
                status=OrderStatus.PROCESSADO,
                observacoes=observacoes,
                processed_at=self._clock(),
                error=None,
            )
        )

    async def mark_each(self, observations: Mapping[UUID, str], fence: datetime) -> int:
        """See `ports.OrderStore.mark_each`."""
        found = self._pending(list(observations), fence)
        for record in found:
            self._process(record, observations[record.order.id])
        return len(found)

    async def mark_failures(self, failures: Sequence[OrderFailure], fence: datetime) -> int:
        """See `ports.OrderStore.mark_failures`."""
        reasons = {failure.id: failure for failure in failures}
        found = self._pending(list(reasons), fence)
        for record in found:
            failure = reasons[record.order.id]
            order = replace(record.order, attempts=record.order.attempts + 1)
            failed = replace(record, order=order, error=failure.error)
            self._save(self._dead(failed) if failure.final else failed)
        return len(found)

    def _dead(self, record: OrderRecord) -> OrderRecord:
        return replace(record, status=OrderStatus.FALHOU, failed_at=self._clock())

    async def fail_rest(self, orders: OrderRange, error: str, fence: datetime) -> int:
        """See `ports.OrderStore.fail_rest`."""
        found = self._pending_between(orders, fence)
        for record in found:
            self._save(self._dead(replace(record, error=error)))
        return len(found)

    async def count(self, orders: OrderRange) -> StatusCounts:
        """See `ports.OrderStore.count`."""
        return StatusCounts(
            **{status.value: len(self._between(orders, status)) for status in OrderStatus}
        )

    async def get(self, order_id: UUID) -> OrderRecord | None:
        """See `ports.OrderStore.get`."""
        return self._records.get(order_id)

    async def page(self, wanted: OrderFilter, limit: int, cursor: str | None) -> Page[OrderRecord]:
        """See `ports.OrderStore.page`."""
        after = UUID(cursor) if cursor else None
        found = [record for record in self._all() if _fits(record, wanted)]
        rest = [record for record in found if after is None or record.order.id > after]
        more = len(rest) > limit
        return Page(rest[:limit], str(rest[limit - 1].order.id) if more else None)

    async def dead(self, limit: int) -> int:
        """See `ports.OrderStore.dead`."""
        dead = [record for record in self._all() if record.status is OrderStatus.FALHOU]
        return min(limit, len(dead))

    async def export(self, run_id: UUID) -> AsyncIterator[OrderRecord]:
        """See `ports.OrderStore.export`."""
        for record in self._between(whole_run(run_id)):
            yield record

    async def delete_pending(self, orders: OrderRange) -> int:
        """See `ports.OrderStore.delete_pending`."""
        return self._delete(self._between(orders, OrderStatus.PENDENTE))

    async def delete(self, orders: OrderRange | None) -> int:
        """See `ports.OrderStore.delete`."""
        return self._delete(self._all() if orders is None else self._between(orders))

    def _delete(self, records: Sequence[OrderRecord]) -> int:
        for record in records:
            del self._records[record.order.id]
        return len(records)

    async def delete_before(self, run_id: UUID) -> int:
        """See `ports.OrderStore.delete_before`."""
        return self._delete([record for record in self._all() if record.order.id < run_id])

    async def revive(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """See `ports.OrderStore.revive`."""
        found = [self._records[order_id] for order_id in order_ids if order_id in self._records]
        dead = [record for record in found if record.status == OrderStatus.FALHOU]
        for record in dead:
            fresh = replace(record.order, attempts=0)
            self._save(replace(record, order=fresh, status=OrderStatus.PENDENTE))
            self._redriven.add(record.order.id)
        return [record.order for record in dead]

    async def erase_customer(self, cliente: str) -> int:
        """See `ports.OrderStore.erase_customer`."""
        found = [record for record in self._all() if record.order.cliente == cliente]
        for record in found:
            self._save(
                replace(
                    record,
                    order=replace(record.order, cliente=ERASED),
                    error=record.error and ERASED,
                    observacoes=record.observacoes if record.observacoes in NAMELESS else ERASED,
                )
            )
        return len(found)
