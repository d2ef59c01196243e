"""`export`: the orders of a run as a file, with a receipt that proves what is in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.session import Session, with_api
from pedidos_cli.stack_file import write_whole


class ExportFormat(StrEnum):
    """What the rows of the file look like."""

    CSV = "csv"
    NDJSON = "ndjson"


def export(
    run: Annotated[str | None, typer.Argument(help="Id of the run; else the last one.")] = None,
    format: Annotated[  # noqa: A002 - the option's name
        ExportFormat, typer.Option(help="What the rows look like.")
    ] = ExportFormat.CSV,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; else RUN.csv or RUN.ndjson.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Write the orders of a run to a file, and FILE.receipt.json beside it."""

    async def body(session: Session) -> None:
        run_id = run or await last_run(session)
        file = out or Path(f"{run_id}.{format}")
        check_free(file, force=force)
        receipt = await write(session, run_id, format, file)
        if session.out.as_json:
            session.out.document(receipt)
        session.out.say(
            f"{file}: {text.count(receipt['rows'])} orders, {text.size(receipt['bytes'])}, "
            f"sha256 {receipt['sha256']}. Receipt: {receipt_path(file)}"
        )

    with_api(api, api_key, body, as_json=as_json)


async def last_run(session: Session) -> str:
    """Id of the present or last run.

    Raises:
        CliError: when there is none.
    """
    run_id = (await session.client.get("/pedidos")).get("lastRunId")
    if not run_id:
        raise CliError(
            "There is no run yet. Start one with `pedidos run --quantity N`", ExitStatus.USAGE
        )
    return str(run_id)


def receipt_path(file: Path) -> Path:
    """Where the receipt of a file lies."""
    return file.with_name(f"{file.name}.receipt.json")


def check_free(file: Path, *, force: bool) -> None:
    """That the file can be written, and nothing is lost by it.

    Raises:
        CliError: naming the file and the way out.
    """
    if not file.parent.is_dir():
        raise CliError(f"There is no folder {file.parent}: make it first", ExitStatus.USAGE)
    if file.exists() and not force:
        raise CliError(
            f"{file} exists: name another file with --out, or replace it with --force",
            ExitStatus.USAGE,
        )


async def write(session: Session, run_id: str, kind: ExportFormat, file: Path) -> Json:
    """Streams the export to the file, which appears only when it is whole; returns the receipt."""
    counted = Counted(csv=kind is ExportFormat.CSV)
    part = file.with_name(f".{file.name}.part")
    path = f"/pedidos/runs/{run_id}"
    try:
        async with session.client.stream(f"{path}/export", {"format": str(kind)}) as response:
            with part.open("wb") as opened:
                async for chunk in response.aiter_bytes():
                    counted.take(chunk)
                    opened.write(chunk)
        receipt = {
            "file": file.name,
            "format": str(kind),
            "runId": run_id,
            "rows": counted.rows,
            "bytes": counted.size,
            "sha256": counted.digest,
            "receipt": await session.client.get(f"{path}/receipt"),
        }
        part.replace(file)
        write_whole(receipt_path(file), receipt)
    except OSError as refused:
        raise CliError(f"{file} can't be written: {refused.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return receipt


@dataclass(slots=True)
class Counted:
    """Size, hash and rows of a file that passes by in pieces.

    A line break inside a quoted field of a CSV ends no row, and its first row is the header.
    """

    csv: bool
    size: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)
    _breaks: int = 0
    _quoted: bool = False
    _last: bytes = b""

    def take(self, chunk: bytes) -> None:
        """Takes the next piece."""
        self.size += len(chunk)
        self._hash.update(chunk)
        self._last = chunk[-1:] or self._last
        if not self.csv:
            self._breaks += chunk.count(b"\n")
            return
        for number, piece in enumerate(chunk.split(b'"')):
            if number:
                self._quoted = not self._quoted
            if not self._quoted:
                self._breaks += piece.count(b"\n")

    @property
    def digest(self) -> str:
        """SHA-256 of what was taken, in hex."""
        return self._hash.hexdigest()

    @property
    def rows(self) -> int:
        """Orders in what was taken."""
        lines = self._breaks + (1 if self._last not in {b"", b"\n"} else 0)
        return max(0, lines - 1) if self.csv else lines
