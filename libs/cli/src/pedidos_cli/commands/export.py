"""`export`: the orders of a run as a file, with a receipt that proves what is in it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.exported import contents, difference, receipt_path
from pedidos_cli.exported import verify as verify_file
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.output import Output
from pedidos_cli.session import Session, with_api
from pedidos_cli.stack_file import write_whole
from pedidos_common.adapters.clock import now


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
    verify: Annotated[
        Path | None,
        typer.Option(help="Export nothing: check this file against its receipt (status 0 or 1)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Write the orders of a run to a file, and FILE.receipt.json beside it.

    Fails (status 1) where the file does not hold what the receipt of the run counts.
    """
    if verify is not None:
        _verify(verify, Output(as_json=as_json))
        return

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


def _verify(file: Path, out: Output) -> None:
    found = verify_file(file)
    if out.as_json:
        out.document(found)
    out.say(f"{file} is what its receipt says: {text.count(found['rows'])} orders.")


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
    """Streams the export to the file, which appears only when it is whole; returns the receipt.

    Raises:
        CliError: when the file can't be written, or holds other than what the run's receipt
            counts; file and receipt are there even so.
    """
    part = file.with_name(f".{file.name}.part")
    path = f"/pedidos/runs/{run_id}"
    try:
        async with session.client.stream(f"{path}/export", {"format": str(kind)}) as response:
            with part.open("wb") as opened:
                async for chunk in response.aiter_bytes():
                    opened.write(chunk)
        found = await asyncio.to_thread(contents, part, str(kind))
        of_run = await session.client.get(f"{path}/receipt")
        receipt = {
            "file": file.name,
            "format": str(kind),
            "runId": run_id,
            "exportedAt": now().isoformat(timespec="milliseconds"),
            **found.to_json(),
            "receipt": of_run,
        }
        part.replace(file)
        write_whole(receipt_path(file), receipt)
    except OSError as refused:
        raise CliError(f"{file} can't be written: {refused.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    if wrong := difference(file, found, of_run.get("receipt") or {}):
        raise CliError(wrong, details={"export": receipt})
    return receipt
