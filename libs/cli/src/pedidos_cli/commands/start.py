"""`run`, `import`, `watch` and `resume --run`: begin a run or join one, and see it to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from pedidos_cli.client import Json
from pedidos_cli.follow import ENDED
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.session import Session, with_api
from pedidos_cli.upload import (
    ImportFormat,
    Upload,
    check_file,
    describe_import,
    format_of,
    upload,
)
from pedidos_cli.watching import follow_and_report
from pedidos_cli.wording import counted

Detach = Annotated[
    bool, typer.Option("--detach", help="Start it and return; `pedidos watch` shows it.")
]


def run(
    quantity: Annotated[int, typer.Option(help="How many orders; 1 to MAX_ORDERS.")],
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same orders.")] = None,
    detach: Detach = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Generate orders, process them, and report."""

    async def body(session: Session) -> int | None:
        params = {"quantity": quantity, "seed": seed}
        started = await session.client.post("/pedidos/generate", params)
        return await see(session, started, detach=detach)

    with_api(api, api_key, body, as_json=as_json)


def import_(
    file: Annotated[Path, typer.Argument(help="CSV or NDJSON file of orders.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only report what would be taken and rejected.")
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        ImportFormat | None, typer.Option(help="What the rows look like; else by the file's name.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="The file's encoding, such as latin-1; else found out.")
    ] = None,
    detach: Detach = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Take real orders from a file, process them, and report."""
    check_file(file)
    wanted = Upload(file, format or format_of(file), encoding, dry_run)

    async def body(session: Session) -> int | None:
        answer = await upload(session, wanted)
        report = answer.get("import")
        session.out.say(describe_import(report if isinstance(report, dict) else {}))
        if dry_run:
            if session.out.as_json:
                session.out.document(answer)
            return None
        return await see(session, answer, detach=detach, beside={"import": report})

    with_api(api, api_key, body, as_json=as_json)


def watch(api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Watch the active run to its end (with --json: a line for each state, then the report)."""

    async def body(session: Session) -> int | None:
        status = await session.client.get("/pedidos")
        run_id = status.get("lastRunId")
        if not run_id:
            session.out.say("No run yet. Start one with `pedidos run --quantity N`")
            if session.out.as_json:
                session.out.document(status, compact=True)
            return None
        if status.get("phase") in ENDED:
            session.out.say("No run is active; this is the last one.")
        return await _join(session, str(run_id), events=session.out.as_json)

    with_api(api, api_key, body, as_json=as_json)


async def resume_run(session: Session, run_id: str, *, detach: bool) -> int | None:
    """Goes on with a run that ended ABORTED or ERROR, to its end."""
    resumed = await session.client.post(f"/pedidos/runs/{run_id}/resume")
    return await see(session, resumed, detach=detach, verb="goes on")


async def see(
    session: Session,
    started: Json,
    *,
    detach: bool,
    verb: str = "has started",
    beside: Json | None = None,
) -> int | None:
    """Follows the run that an answer names, or only says that it started."""
    run_id = str(started["runId"])
    if not detach:
        session.out.say(f"Run {run_id} {verb}: {counted(started.get('quantity'), 'order')}")
        return await _join(session, run_id, beside=beside)
    if session.out.as_json:
        session.out.document(started)
    session.out.say(f"Run {run_id} {verb}. `pedidos watch` shows it.")
    return None


async def _join(
    session: Session, run_id: str, *, events: bool = False, beside: Json | None = None
) -> int:
    try:
        return await follow_and_report(session, run_id, events=events, beside=beside)
    except asyncio.CancelledError:
        session.out.note(
            "The run goes on without you: `pedidos watch` shows it, `pedidos cancel` ends it."
        )
        raise
