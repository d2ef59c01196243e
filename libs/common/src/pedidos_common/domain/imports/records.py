"""CSV lines to records, which may span lines and are known by the line they start on.

Quotes are read strictly (a closing quote is followed by a delimiter or the line's end). That
is what lets a quote that was never closed spoil its own row alone: the lines behind it are
read again as rows of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from pedidos_common.domain.imports.rows import (
    MAX_ROW_CHARACTERS,
    TOO_LONG,
    UNREADABLE,
    BadRow,
    ImportRejected,
    SpoiltRow,
)
from pedidos_common.domain.imports.text import Line, unreadable

BAD_QUOTES = 'a quote (") is not closed, or text follows a closing quote'
# What reading lines again may cost, so that a hostile file can't keep a processor busy; it grows
# with the file, so that a large one is not refused for the few stray quotes that it has.
MIN_READ_AGAIN_CHARACTERS = 256 * MAX_ROW_CHARACTERS
READ_AGAIN_PER_CHARACTER = 4

Record = tuple[int, list[str]]


class Cells:
    """The cells of one record, read line by line."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._open: list[str] = []
        self._quoted = False
        self.cells: list[str] = []

    def add(self, line: str) -> bool:
        """Read one more line of the record; whether the record ends with it.

        Raises:
            BadRow: when its quotes make no sense.
        """
        at = self._quoted_part(line, 0) if self._quoted else 0
        while 0 <= at <= len(line):
            at = self._cell(line, at)
        return not self._quoted

    def _cell(self, line: str, at: int) -> int:
        """Read the cell at `at`; where the next one starts, past the end when there is none."""
        if line.startswith('"', at):
            self._quoted = True
            return self._quoted_part(line, at + 1)
        end = line.find(self._delimiter, at)
        end = len(line) if end < 0 else end
        self.cells.append(line[at:end])
        return end + 1

    def _quoted_part(self, line: str, at: int) -> int:
        while (end := line.find('"', at)) >= 0:
            self._open.append(line[at:end])
            if not line.startswith('"', end + 1):
                return self._close(line, end + 1)
            self._open.append('"')
            at = end + 2
        self._open.append(line[at:] + "\n")
        return -1

    def _close(self, line: str, at: int) -> int:
        if at < len(line) and line[at] != self._delimiter:
            raise BadRow(BAD_QUOTES)
        self.cells.append("".join(self._open))
        self._open, self._quoted = [], False
        return at + 1


class Records:
    """Lines to records; a record that can't be read is a `SpoiltRow`."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._cells = Cells(delimiter)
        self._held: list[Line] = []
        self._held_size = 0
        self._read = 0
        self._read_again = 0

    def feed(self, lines: Iterable[Line]) -> Iterator[Record | SpoiltRow]:
        """The records that end within `lines`.

        Raises:
            ImportRejected: when, for the file's size, so many quotes are left open that it can't be
                meant so.
        """
        for line in lines:
            number, text = line
            self._read += len(text) + 1 if text is not None else MAX_ROW_CHARACTERS
            if text is None or self._held or '"' in text:
                yield from self._carefully(deque((line,)))
            elif unreadable(text):
                yield SpoiltRow(number, UNREADABLE)
            elif text and not text.isspace():
                yield number, text.split(self._delimiter)

    def finish(self) -> Iterator[Record | SpoiltRow]:
        """What is left at the end of the file: a quote that was never closed."""
        while self._held:
            first, again = self._give_up()
            yield SpoiltRow(first, BAD_QUOTES)
            yield from self._carefully(deque(again))

    def _carefully(self, lines: deque[Line]) -> Iterator[Record | SpoiltRow]:
        while lines:
            line = lines.popleft()
            try:
                record = self._add(line)
            except BadRow as reason:
                first, again = self._give_up()
                yield SpoiltRow(first, str(reason))
                lines.extendleft(reversed(again))
            else:
                if record is not None:
                    yield record

    def _add(self, line: Line) -> Record | None:
        self._held.append(line)
        text = self._checked(line)
        if len(self._held) == 1 and (not text or text.isspace()):
            self._reset()
            return None
        if not self._cells.add(text):
            return None
        record = (self._held[0].number, self._cells.cells)
        self._reset()
        return record

    def _checked(self, line: Line) -> str:
        alone = len(self._held) == 1
        if line.text is None:
            raise BadRow(TOO_LONG if alone else BAD_QUOTES)
        self._held_size += len(line.text) + 1
        if self._held_size > MAX_ROW_CHARACTERS + 1:
            raise BadRow(f"{BAD_QUOTES} ({TOO_LONG})")
        if unreadable(line.text):
            raise BadRow(UNREADABLE if alone else BAD_QUOTES)
        return line.text

    def _give_up(self) -> tuple[int, list[Line]]:
        """The number of the record's first line, and its others, which are rows of their own."""
        first, again = self._held[0].number, self._held[1:]
        self._read_again += self._held_size if again else 0
        if self._read_again > max(MIN_READ_AGAIN_CHARACTERS, READ_AGAIN_PER_CHARACTER * self._read):
            raise ImportRejected(
                f"too many quotes are never closed, the last one on line {first}:"
                " check how the file was written"
            )
        self._reset()
        return first, again

    def _reset(self) -> None:
        self._cells, self._held, self._held_size = Cells(self._delimiter), [], 0
