"""Stage an import: the bytes of an upload become durable rows and a report, before any run.

Memory stays flat: rows go to the store as they are read, and of the rejections only the first
are kept. What is read at once is a small piece of the upload, so that other requests get their
turn in between.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, Iterable, Iterator
from hashlib import sha256
from uuid import uuid4

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.imports import (
    ImportTooLarge,
    ParsedRow,
    RowReader,
    SpoiltRow,
    reader_for,
)
from pedidos_common.ports import ImportReport, ImportRow, ImportStore, Rejection

log = structlog.get_logger(__name__)
ROWS_AT_ONCE = 5_000
PIECE_BYTES = 16_384
MAX_REJECTIONS = 1_000
MAX_FILENAME = 255
DISCARD_SECONDS = 30.0


class _Staging:
    """One upload on its way into the store."""

    def __init__(self, import_id: str, reader: RowReader, imports: ImportStore) -> None:
        self._id, self._reader, self._imports = import_id, reader, imports
        self._digest = sha256()
        self._size = 0
        self._good: list[ImportRow] = []
        self._bad: list[Rejection] = []
        self._rejections: list[Rejection] = []
        self._accepted = self._rejected = 0
        self._tiers: Counter[str] = Counter()

    async def take(self, data: bytes, max_bytes: int) -> None:
        """Read some bytes of the file."""
        self._size += len(data)
        if self._size > max_bytes:
            raise ImportTooLarge(max_bytes)
        self._digest.update(data)
        for piece in _pieces(data):
            await self._hold(self._reader.feed(piece))
            await asyncio.sleep(0)

    async def end(self) -> None:
        """The file is complete."""
        await self._hold(self._reader.finish())
        await self._store()

    async def _hold(self, items: Iterable[ParsedRow | SpoiltRow]) -> None:
        for item in items:
            if isinstance(item, ParsedRow):
                self._good.append(ImportRow(*item))
            else:
                self._bad.append(Rejection(*item))
        if len(self._good) + len(self._bad) >= ROWS_AT_ONCE:
            await self._store()

    async def _store(self) -> None:
        taken = await self._imports.append(self._id, self._good) if self._good else ()
        refused = {rejection.line for rejection in taken}
        self._tiers.update(
            row.tier for row in self._good if row.tier is not None and row.line not in refused
        )
        # what is held at once is one stretch of the file, so the first ones stay the first ones
        self._bad.extend(taken)
        self._bad.sort(key=lambda rejection: rejection.line)
        self._rejections += self._bad[: MAX_REJECTIONS - len(self._rejections)]
        self._rejected += len(self._bad)
        self._accepted += len(self._good) - len(taken)
        self._good, self._bad = [], []

    async def report(self) -> ImportReport:
        """What became of the file; customers are ranked where it gives no tiers."""
        columns = self._reader.columns
        mapped = dict(columns.mapped) if columns else {}
        ranked = "tier" not in mapped and self._accepted > 0
        tiers = await self._imports.rank_customers(self._id) if ranked else self._tiers
        return ImportReport(
            id=self._id,
            sha256=self._digest.hexdigest(),
            size_bytes=self._size,
            rows=self._accepted + self._rejected,
            accepted=self._accepted,
            rejected=self._rejected,
            rejections=self._rejections,
            tiers=dict(tiers),
            tier_rule=ranked,
            columns=mapped,
            ignored_columns=list(columns.ignored) if columns else [],
        )


async def stage(
    stream: AsyncIterable[bytes],
    *,
    filename: str,
    format: str,  # noqa: A002 - the name that clients use
    encoding: str | None,
    dry_run: bool,
    imports: ImportStore,
    chunk_size: int,
    max_bytes: int,
) -> ImportReport:
    """Stage the file that `stream` brings; its import is sealed when this returns.

    With `dry_run`, or where no row was accepted, the report is all that is left of it. Nothing
    is left of it when this raises (or when the client goes away in the middle).

    Raises:
        ImportRejected: the whole file can't be read; the message is for the client.
        ImportTooLarge: the file has more than `max_bytes` bytes.
        ImportGone: a reset removed the import meanwhile.
        Unavailable: the store does not answer.
    """
    reader = reader_for(format, encoding)
    import_id = str(uuid4())
    keep = False
    await imports.begin(import_id, _clean(filename))
    try:
        staging = _Staging(import_id, reader, imports)
        async for data in stream:
            await staging.take(data, max_bytes)
        await staging.end()
        report = await staging.report()
        if report.accepted and not dry_run:
            await imports.finish(report, chunk_size)
            keep = True
    finally:
        if not keep:
            await _discard(imports, import_id)
    return report


async def _discard(imports: ImportStore, import_id: str) -> None:
    """Discard, even while this task is being cancelled (a client that went away)."""
    try:
        await asyncio.shield(asyncio.wait_for(imports.discard(import_id), DISCARD_SECONDS))
    except (TimeoutError, Unavailable):
        log.warning("import_discard_left_to_sweep", importId=import_id)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def _clean(filename: str) -> str:
    """A name that can be stored and shown, whatever the client sent."""
    return filename.encode(errors="replace").decode()[:MAX_FILENAME]
