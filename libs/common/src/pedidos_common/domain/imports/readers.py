"""Files to rows: CSV and NDJSON readers, alike for whoever feeds them bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pedidos_common.domain.imports import fields
from pedidos_common.domain.imports.columns import map_columns, require
from pedidos_common.domain.imports.records import Cells, Records
from pedidos_common.domain.imports.rows import (
    TOO_LONG,
    UNREADABLE,
    BadRow,
    Columns,
    ImportRejected,
    ParsedRow,
    RowReader,
    SpoiltRow,
)
from pedidos_common.domain.imports.text import Line, Lines, unreadable

DELIMITERS = ",;\t|"
FORMATS = ("csv", "ndjson")
Item = ParsedRow | SpoiltRow


def reader_for(file_format: str, encoding: str | None = None) -> RowReader:
    """The reader of a format, `csv` or `ndjson`; the encoding is UTF-8 where none is named.

    Raises:
        ImportRejected: when the format or the encoding is not one that imports read.
    """
    lines = Lines(encoding or "utf-8")
    match file_format.lower():
        case "csv":
            return CsvReader(lines)
        case "ndjson":
            return NdjsonReader(lines)
        case _:
            raise ImportRejected(f"format {file_format!r} is not read; use csv or ndjson")


class CsvReader:
    """Rows of a CSV file with a header; the delimiter is found from the header."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._records: Records | None = None
        self._row = fields.RowRule(())
        self._width = 0
        self._any = False
        self.columns: Columns | None = None

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `RowReader.feed`."""
        yield from self._read(self._lines.feed(data))

    def finish(self) -> Iterator[Item]:
        """See `RowReader.finish`."""
        yield from self._read(self._lines.feed(b"", final=True))
        if self._records is None:
            raise ImportRejected("the file is empty: it needs a header and a row an order")
        yield from self._rows(self._records.finish())
        if not self._any:
            raise ImportRejected("the file has a header and no rows: there is nothing to import")

    def _read(self, lines: Iterator[Line]) -> Iterator[Item]:
        if self._records is None:
            self._records = self._read_header(lines)
        if self._records is not None:
            yield from self._rows(self._records.feed(lines))

    def _read_header(self, lines: Iterator[Line]) -> Records | None:
        header = next((line for line in lines if line.text is None or line.text.strip()), None)
        if header is None:
            return None
        delimiter, names = _split_header(_checked_header(header.text))
        self.columns = map_columns(names)
        require(self.columns, names, "the header")
        self._row = fields.RowRule(
            (field, names.index(name)) for field, name in self.columns.mapped.items()
        )
        self._width = len(names)
        return Records(delimiter)

    def _rows(self, records: Iterator[tuple[int, list[str]] | SpoiltRow]) -> Iterator[Item]:
        for record in records:
            self._any = True
            if isinstance(record, SpoiltRow):
                yield record
                continue
            line, cells = record
            if len(cells) != self._width and not self._fits(cells):
                reason = f"the row has {len(cells)} columns, the header {self._width}"
                yield SpoiltRow(line, reason)
            else:
                yield self._row.read(line, cells)

    def _fits(self, cells: Sequence[str]) -> bool:
        """Whether there are only empty cells too many, as spreadsheets leave them."""
        return len(cells) > self._width and not any(cells[self._width :])


def _checked_header(text: str | None) -> str:
    if text is None:
        raise ImportRejected(f"the header can't be read: {TOO_LONG}")
    if "\x00" in text:
        raise ImportRejected("the file looks like UTF-16: send it with encoding=utf-16")
    if unreadable(text):
        raise ImportRejected(f"the header can't be read: {UNREADABLE}")
    return text


def _split_header(header: str) -> tuple[str, list[str]]:
    """The delimiter under which most names of the header are known, and the names."""
    splits = [(delimiter, _names(header, delimiter)) for delimiter in DELIMITERS]
    return max(splits, key=lambda split: (len(map_columns(split[1]).mapped), len(split[1])))


def _names(header: str, delimiter: str) -> list[str]:
    cells = Cells(delimiter)
    try:
        whole = cells.add(header)
    except BadRow:
        whole = False
    return [name.strip() for name in cells.cells] if whole else []


class NdjsonReader:
    """Rows of a file with one JSON object a line; the first object says which columns exist."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._any = False
        self.columns: Columns | None = None

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `RowReader.feed`."""
        yield from self._rows(self._lines.feed(data))

    def finish(self) -> Iterator[Item]:
        """See `RowReader.finish`."""
        yield from self._rows(self._lines.feed(b"", final=True))
        if not self._any:
            raise ImportRejected("the file is empty: it needs a JSON object a line")

    def _rows(self, lines: Iterable[Line]) -> Iterator[Item]:
        for number, text in lines:
            if text is not None and (not text or text.isspace()):
                continue
            try:
                yield self._row(number, _object(text))
            except BadRow as reason:
                yield SpoiltRow(number, str(reason))
            self._any = True

    def _row(self, line: int, held: dict[str, Any]) -> Item:
        if any(unreadable(name) for name in held):
            raise BadRow("a name in the object has characters that can't be stored")
        columns = map_columns(held)
        if self.columns is None:
            require(columns, list(held), f"the first object (line {line})")
            self.columns = columns
        if ("tier" in columns.mapped) != ("tier" in self.columns.mapped):
            raise BadRow("either every row has a tier or none: the first row decides")
        rule = fields.RowRule((field, at) for at, field in enumerate(columns.mapped))
        return rule.read(line, [_text(name, held[name]) for name in columns.mapped.values()])


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        raise BadRow(TOO_LONG)
    if unreadable(text):
        raise BadRow(UNREADABLE)
    try:
        held = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise BadRow(f"the line is no JSON: {str(error)[:100]}") from None
    if not isinstance(held, dict):
        raise BadRow('the line is no JSON object such as {"cliente": "…", "valor": 12.34}')
    return held


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRow(f"{name} is neither a text nor a number")
    if unreadable(value):
        raise BadRow(f"{name} has characters that can't be stored")
    return value
