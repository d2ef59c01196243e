"""Staged imports in memory, with the guarantees of `ports.ImportStore`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pedidos_common.adapters.clock import now
from pedidos_common.domain.imports import ImportGone, tier_at
from pedidos_common.domain.orders import Tier
from pedidos_common.ports import ImportReport, ImportRow, Rejection


@dataclass(slots=True)
class _Staged:
    touched_at: datetime
    rows: list[ImportRow] = field(default_factory=list)
    tiers: dict[str, Tier] = field(default_factory=dict)
    report: ImportReport | None = None


class InMemoryImportStore:
    """Imports in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._staged: dict[str, _Staged] = {}
        self._forgotten: set[str] = set()

    async def begin(self, import_id: str, filename: str) -> None:
        """See `ports.ImportStore.begin`."""
        del filename
        self._staged.setdefault(import_id, _Staged(self._clock()))

    def _open(self, import_id: str) -> _Staged:
        staged = self._staged.get(import_id)
        if staged is None or staged.report is not None:
            raise ImportGone(import_id)
        staged.touched_at = self._clock()
        return staged

    def _taken(self) -> set[str]:
        rows = (row for staged in self._staged.values() for row in staged.rows)
        return self._forgotten | {row.external_id for row in rows if row.external_id is not None}

    async def append(self, import_id: str, rows: Sequence[ImportRow]) -> Sequence[Rejection]:
        """See `ports.ImportStore.append`."""
        staged, taken, rejections = self._open(import_id), self._taken(), []
        for row in rows:
            if row.external_id is not None and row.external_id in taken:
                reason = f"external id {row.external_id!r} was imported before"
                rejections.append(Rejection(row.line, reason))
                continue
            staged.rows.append(row)
            taken |= {row.external_id} if row.external_id is not None else set()
        return rejections

    async def rank_customers(self, import_id: str) -> Mapping[str, int]:
        """See `ports.ImportStore.rank_customers`."""
        staged = self._open(import_id)
        spend: Counter[str] = Counter()
        for row in staged.rows:
            spend[row.cliente] += row.valor_cents
        ranked = sorted(spend, key=lambda name: -spend[name])  # stable: ties by first appearance
        staged.tiers = {name: tier_at(place, len(ranked)) for place, name in enumerate(ranked)}
        return Counter(str(staged.tiers[row.cliente]) for row in staged.rows)

    async def finish(self, report: ImportReport, chunk_size: int) -> None:
        """See `ports.ImportStore.finish`."""
        del chunk_size
        self._open(report.id).report = report

    async def chunk(self, import_id: str, first: int, last: int) -> Sequence[ImportRow]:
        """See `ports.ImportStore.chunk`."""
        staged = self._staged.get(import_id)
        rows = staged.rows[first - 1 : last] if staged else []
        if staged is None or staged.report is None or len(rows) != last - first + 1:
            raise ImportGone(import_id)
        return [replace(row, tier=row.tier or staged.tiers[row.cliente]) for row in rows]

    async def report(self, import_id: str) -> ImportReport | None:
        """See `ports.ImportStore.report`."""
        staged = self._staged.get(import_id)
        return staged.report if staged else None

    async def forget_rows(self, import_id: str) -> None:
        """See `ports.ImportStore.forget_rows`."""
        if import_id in self._staged:
            self._forgotten |= self._taken()
            self._staged[import_id].rows.clear()

    async def holding(self, cliente: str) -> Sequence[str]:
        """See `ports.ImportStore.holding`."""
        return [
            import_id
            for import_id, one in self._staged.items()
            if any(row.cliente == cliente for row in one.rows)
        ]

    async def discard(self, import_id: str) -> None:
        """See `ports.ImportStore.discard`."""
        self._staged.pop(import_id, None)

    async def sweep(self, idle_seconds: float, is_used: Callable[[str], Awaitable[bool]]) -> int:
        """See `ports.ImportStore.sweep`."""
        before = self._clock() - timedelta(seconds=idle_seconds)
        idle = [key for key, one in self._staged.items() if one.touched_at < before]
        gone = [key for key in idle if await self._is_orphan(key, is_used)]
        for key in gone:
            await self.discard(key)
        return len(gone)

    async def _is_orphan(self, import_id: str, is_used: Callable[[str], Awaitable[bool]]) -> bool:
        one = self._staged[import_id]
        return one.report is None or (bool(one.rows) and not await is_used(import_id))

    async def clear(self) -> None:
        """See `ports.ImportStore.clear`."""
        self._staged.clear()
