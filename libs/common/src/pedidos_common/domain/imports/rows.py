"""What an import is made of: parsed rows, spoilt rows, and the reasons for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from pedidos_common.domain.errors import PedidosError

MAX_ROW_CHARACTERS = 65_536
TOO_LONG = f"it is longer than {MAX_ROW_CHARACTERS:,} characters"
UNREADABLE = (
    "it has bytes that are not valid text in the file's encoding (or a NUL);"
    " name the encoding when you send the file, say encoding=latin-1"
)


class ImportRejected(PedidosError):
    """The whole file can't be imported; the message says why and what to do."""


class ImportTooLarge(PedidosError):
    """The upload is larger than allowed.

    Attributes:
        max_bytes: the limit.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the file is larger than the limit of {max_bytes:,} bytes: split it")
        self.max_bytes = max_bytes


class ImportGone(PedidosError):
    """The import was removed while it was staged or used (by a reset, or it stood still)."""

    def __init__(self, import_id: str) -> None:
        super().__init__(f"import {import_id} is gone: send the file again")
        self.import_id = import_id


class BadRow(Exception):
    """This row can't be taken; the message is the reason."""


class ParsedRow(NamedTuple):
    """One good row; fields as in `ports.ImportRow`, in its order."""

    line: int
    cliente: str
    valor_cents: int
    tier: str | None
    external_id: str | None
    ordered_at: datetime | None
    quantidade: int | None


class SpoiltRow(NamedTuple):
    """One row that was rejected, where it starts, and why."""

    line: int
    reason: str


class Columns(NamedTuple):
    """Which column of the file is which field, and which columns are not used."""

    mapped: Mapping[str, str]
    ignored: Sequence[str]


class RowReader(Protocol):
    """Reads a file's rows as its bytes arrive."""

    @property
    def columns(self) -> Columns | None:
        """The columns, once they are known."""
        ...

    def feed(self, data: bytes) -> Iterator[ParsedRow | SpoiltRow]:
        """The rows that end within `data`.

        Raises:
            ImportRejected: when the whole file can't be read.
        """
        ...

    def finish(self) -> Iterator[ParsedRow | SpoiltRow]:
        """What is left once the file has ended.

        Raises:
            ImportRejected: when the file held nothing to import.
        """
        ...
