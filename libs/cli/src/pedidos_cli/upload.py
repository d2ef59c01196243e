"""Sends a file of orders to the API, and says what was found in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pedidos_cli import text
from pedidos_cli.client import ApiClient, Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.session import Session
from pedidos_cli.upload_progress import UploadDisplay
from pedidos_cli.wording import counted

CHUNK_BYTES = 256 * 1024
# The answer comes when the whole file is staged.
IMPORT_SECONDS = 1800.0
SHOWN_REJECTIONS = 20


class ImportFormat(StrEnum):
    """What the rows of a file look like."""

    CSV = "csv"
    NDJSON = "ndjson"


def check_file(file: Path) -> None:
    """That there is something to send.

    Raises:
        CliError: when it is no file, can't be read, or is empty.
    """
    try:
        with file.open("rb") as opened:
            empty = not opened.read(1)
    except OSError as refused:
        raise CliError(f"{file} can't be read: {refused.strerror}", ExitStatus.USAGE) from None
    if empty:
        raise CliError(f"{file} is empty: there is nothing to import", ExitStatus.USAGE)


def format_of(file: Path) -> ImportFormat:
    """The format by the file's name.

    Raises:
        CliError: when the name says nothing.
    """
    suffix = file.suffix.lower()
    if suffix in {".csv", ".tsv", ".txt"}:
        return ImportFormat.CSV
    if suffix in {".ndjson", ".jsonl", ".json"}:
        return ImportFormat.NDJSON
    raise CliError(
        f"The name of {file} does not say what it is: add --format csv or --format ndjson",
        ExitStatus.USAGE,
    )


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send, and how the API is to take it."""

    file: Path
    kind: ImportFormat
    encoding: str | None
    dry_run: bool


async def upload(session: Session, wanted: Upload) -> Json:
    """Sends the file as it is read, shows how far it is, and returns what the API found in it."""
    size = (await asyncio.to_thread(wanted.file.stat)).st_size
    # Under --json there is nobody to show it to, not even on a terminal.
    console = None if session.out.as_json else session.out.progress
    with UploadDisplay(console, wanted.file.name, size) as display:
        try:
            return await _send(session.client, wanted, size, display)
        except CliError as refused:
            refused.message += _rejections_of(refused)
            raise
        except asyncio.CancelledError:
            session.out.note(_given_up(display, dry_run=wanted.dry_run))
            raise


async def _send(client: ApiClient, wanted: Upload, size: int, display: UploadDisplay) -> Json:
    content_type = "text/csv" if wanted.kind is ImportFormat.CSV else "application/x-ndjson"
    return await client.send(
        "POST",
        "/pedidos/import",
        params={
            "format": str(wanted.kind),
            "dryRun": "true" if wanted.dry_run else None,
            "filename": wanted.file.name,
            "encoding": wanted.encoding,
        },
        timeout_seconds=IMPORT_SECONDS,
        content=_chunks(wanted.file, display.sent),
        headers={"content-type": content_type, "content-length": str(size)},
    )


async def _chunks(file: Path, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            yield chunk
            sent(len(chunk))


def _given_up(display: UploadDisplay, *, dry_run: bool) -> str:
    """What becomes of an upload that a person stops; the API goes on with a file that it has."""
    if dry_run or not display.complete:
        return "Nothing was started."
    return (
        "The API has the whole file, and starts the run if it is good: "
        "`pedidos status` shows it, `pedidos cancel` ends it."
    )


def _rejections_of(refused: CliError) -> str:
    problem = refused.details.get("problem")
    report = problem.get("import") if isinstance(problem, dict) else None
    return f"\n{describe_import(report)}" if isinstance(report, dict) else ""


def describe_import(report: Json) -> str:
    """What a file held, in words: accepted, rejected by line, tiers."""
    accepted, rejected = (text.count(report.get(key)) for key in ("accepted", "rejected"))
    lines = [f"{counted(report.get('rows'), 'row')}: {accepted} accepted, {rejected} rejected"]
    tiers = report.get("tiers")
    if isinstance(tiers, dict) and tiers:
        named = ", ".join(f"{name} {text.count(number)}" for name, number in tiers.items())
        rule = "by each customer's total spend" if report.get("tierRule") else "as in the file"
        lines.append(f"tiers: {named} ({rule})")
    if ignored := list(map(str, report.get("ignoredColumns") or [])):
        columns = "column" if len(ignored) == 1 else "columns"
        lines.append(f"{columns} not used: {', '.join(ignored)}")
    rejections = [one for one in report.get("rejections") or [] if isinstance(one, dict)]
    lines += [
        f"  line {one.get('line')}: {one.get('reason')}" for one in rejections[:SHOWN_REJECTIONS]
    ]
    hidden = int(report.get("rejected") or 0) - min(len(rejections), SHOWN_REJECTIONS)
    if rejections and hidden > 0:
        lines.append(f"  and {hidden} more (GET /pedidos/imports/{report.get('id')})")
    return "\n".join(lines)
