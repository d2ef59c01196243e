"""Sends a file of orders to the API, and says what was found in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path

from pedidos_cli import text
from pedidos_cli.client import ApiClient, Json
from pedidos_cli.errors import CliError, ExitStatus

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


async def upload(
    client: ApiClient, file: Path, kind: ImportFormat, encoding: str | None, *, dry_run: bool
) -> Json:
    """Sends the file as it is read, and returns what the API found in it."""
    params = {
        "format": str(kind),
        "dryRun": "true" if dry_run else None,
        "filename": file.name,
        "encoding": encoding,
    }
    size = (await asyncio.to_thread(file.stat)).st_size
    content_type = "text/csv" if kind is ImportFormat.CSV else "application/x-ndjson"
    try:
        return await client.send(
            "POST",
            "/pedidos/import",
            params=params,
            timeout_seconds=IMPORT_SECONDS,
            content=_chunks(file),
            headers={"content-type": content_type, "content-length": str(size)},
        )
    except CliError as refused:
        refused.message += _rejections_of(refused)
        raise


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            yield chunk


def _rejections_of(refused: CliError) -> str:
    problem = refused.details.get("problem")
    report = problem.get("import") if isinstance(problem, dict) else None
    return f"\n{describe_import(report)}" if isinstance(report, dict) else ""


def describe_import(report: Json) -> str:
    """What a file held, in words: accepted, rejected by line, tiers."""
    rows, accepted, rejected = (
        text.count(report.get(key)) for key in ("rows", "accepted", "rejected")
    )
    lines = [f"{rows} rows: {accepted} accepted, {rejected} rejected"]
    tiers = report.get("tiers")
    if isinstance(tiers, dict) and tiers:
        named = ", ".join(f"{name} {text.count(number)}" for name, number in tiers.items())
        rule = "by each customer's total spend" if report.get("tierRule") else "as in the file"
        lines.append(f"tiers: {named} ({rule})")
    if report.get("ignoredColumns"):
        lines.append(f"columns not used: {', '.join(map(str, report['ignoredColumns']))}")
    rejections = [one for one in report.get("rejections") or [] if isinstance(one, dict)]
    lines += [
        f"  line {one.get('line')}: {one.get('reason')}" for one in rejections[:SHOWN_REJECTIONS]
    ]
    hidden = int(report.get("rejected") or 0) - min(len(rejections), SHOWN_REJECTIONS)
    if rejections and hidden > 0:
        lines.append(f"  and {hidden} more (GET /pedidos/imports/{report.get('id')})")
    return "\n".join(lines)
