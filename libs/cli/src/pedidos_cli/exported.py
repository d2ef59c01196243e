"""An exported file: what is in it, and whether it is what its receipt says."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus

STORED = ("processed", "failed", "pending")


@dataclass(frozen=True, slots=True)
class Contents:
    """Orders in a file, in all and per status; its size in bytes, and its SHA-256 in hex."""

    rows: int
    by_status: dict[str, int]
    size: int
    sha256: str

    def to_json(self) -> Json:
        """As the receipt has it."""
        return {
            "rows": self.rows,
            "rowsByStatus": self.by_status,
            "bytes": self.size,
            "sha256": self.sha256,
        }


def receipt_path(file: Path) -> Path:
    """Where the receipt of a file lies."""
    return file.with_name(f"{file.name}.receipt.json")


def contents(file: Path, kind: str) -> Contents:
    """Reads a file of `kind` csv or ndjson from its beginning to its end.

    Raises:
        OSError: when it can't be read.
        CliError: when it is no export of that kind.
    """
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    try:
        statuses = Counter(_csv_statuses(file) if kind == "csv" else _ndjson_statuses(file))
    except (csv.Error, ValueError, KeyError, IndexError, TypeError) as error:
        raise CliError(
            f"{file} is no whole {kind} export ({type(error).__name__}: {error}): export it again"
        ) from None
    by_status = dict(sorted(statuses.items()))
    return Contents(statuses.total(), by_status, file.stat().st_size, digest)


def _csv_statuses(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.reader(opened, strict=True)
        place = next(rows, []).index("status")
        for row in rows:
            yield row[place]


def _ndjson_statuses(file: Path) -> Iterator[str]:
    with file.open("rb") as opened:
        for line in opened:
            yield str(json.loads(line)["status"])


def stored_orders(run_receipt: Json) -> int | None:
    """How many orders a run had at its end: accepted, and neither known before nor deleted.

    None where the receipt does not say.
    """
    counts = [run_receipt.get(name) for name in STORED]
    return sum(counts) if all(isinstance(one, int) for one in counts) else None  # type: ignore[arg-type]


def difference(file: Path, found: Contents, run_receipt: Json) -> str | None:
    """What is wrong with the number of rows, in words; None where it is right."""
    stored = stored_orders(run_receipt)
    if stored is None or stored == found.rows:
        return None
    counts = ", ".join(f"{count:,} {status}" for status, count in found.by_status.items())
    missing = f"{abs(stored - found.rows):,} {'missing' if stored > found.rows else 'too many'}"
    return (
        f"{file} holds {found.rows:,} orders ({counts or 'none'}), but the receipt of the run says "
        f"{stored:,}: {missing}. Orders may have been removed by retention or a reset, or the run "
        "goes on; `pedidos audit` looks closer"
    )


def verify(file: Path) -> Json:
    """Holds a file against its receipt; what both say.

    Raises:
        CliError: when they differ, naming where, or when one of them can't be read.
    """
    receipt = _receipt(file)
    try:
        found = contents(file, str(receipt.get("format", "csv"))).to_json()
    except OSError as refused:
        raise CliError(f"{file} can't be read: {refused.strerror}", ExitStatus.USAGE) from None
    wrong = [
        f"{name} is {found[name]}, the receipt says {receipt.get(name)}"
        for name in found
        if receipt.get(name) != found[name]
    ]
    if wrong:
        raise CliError(
            f"{file} is not what {receipt_path(file).name} says: {'; '.join(wrong)}. One of the "
            "two was changed: export the run again",
            details={"file": file.name, "found": found},
        )
    return {"file": file.name, "runId": receipt.get("runId"), "ok": True, **found}


def _receipt(file: Path) -> dict[str, Any]:
    path = receipt_path(file)
    try:
        receipt = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CliError(
            f"{file} can't be verified: its receipt {path} can't be read ({error})",
            ExitStatus.USAGE,
        ) from None
    return receipt if isinstance(receipt, dict) else {}
