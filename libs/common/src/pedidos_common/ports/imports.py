"""Staged imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One accepted row of an import: `line` is its line number in the file, from 1."""

    line: int
    cliente: str
    valor_cents: int
    tier: str | None = None
    external_id: str | None = None
    ordered_at: datetime | None = None
    quantidade: int | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejected row of an import, with its line number and the reason."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of an upload.

    `rejections` holds the first 1,000; `rejected` counts them all. `tiers` counts accepted rows.
    """

    id: str
    sha256: str
    size_bytes: int
    rows: int
    accepted: int
    rejected: int
    rejections: Sequence[Rejection] = ()
    tiers: Mapping[str, int] = field(default_factory=dict)
    tier_rule: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    ignored_columns: Sequence[str] = ()


class ImportStore(Protocol):
    """Staged imports: whole and durable before a run uses them."""

    async def begin(self, import_id: str, filename: str) -> None:
        """Open a new staged import."""
        ...

    async def append(self, import_id: str, rows: Sequence[ImportRow]) -> Sequence[Rejection]:
        """Stage rows; those whose external id was taken before come back rejected."""
        ...

    async def rank_customers(self, import_id: str) -> Mapping[str, int]:
        """Give each customer the tier that O-14's rule says; accepted rows by tier."""
        ...

    async def finish(self, report: ImportReport, chunk_size: int) -> None:
        """Seal the import: rows are numbered and cut into chunks."""
        ...

    async def chunk(self, import_id: str, first: int, last: int) -> Sequence[ImportRow]:
        """Accepted rows `first` to `last` (from 1), each with its tier."""
        ...

    async def report(self, import_id: str) -> ImportReport | None:
        """The report of a sealed import, or None."""
        ...

    async def forget_rows(self, import_id: str) -> None:
        """Forget the rows of an import whose orders are all written; its report stays."""
        ...

    async def holds_customer(self, cliente: str) -> bool:
        """Whether rows of this customer are still staged."""
        ...

    async def discard(self, import_id: str) -> None:
        """Forget a staged import that no run uses."""
        ...

    async def sweep(self, idle_seconds: float) -> int:
        """Discard imports that nobody sealed or touched for that long; how many.

        What is left of discarded ones goes too.
        """
        ...

    async def clear(self) -> None:
        """Forget every import."""
        ...
