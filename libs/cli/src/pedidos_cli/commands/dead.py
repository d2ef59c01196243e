"""`dead`: orders and jobs that used up their retries, and sending them again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.redriving import Tally, some_open, until_ended
from pedidos_cli.session import Session, with_api
from pedidos_cli.wording import counted


def dead(
    run: Annotated[str | None, typer.Option(help="Only of this run.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of each kind.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")] = None,
    redrive: Annotated[
        list[str] | None,
        typer.Option(
            help="Send again: `all`, or the id of an order or a job (may be repeated).",
            metavar="ID|all",
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="See what was sent again to its end, and say how it went.")
    ] = True,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """List what failed for good, with its reasons, or send it again."""
    body_of_request = redrive_request(redrive) if redrive else None
    if body_of_request and run:
        raise CliError(
            "--redrive takes `all` or ids, and --run does not narrow it: list with --run first, "
            "then name the ids",
            ExitStatus.USAGE,
        )

    async def body(session: Session) -> None:
        if body_of_request:
            await _redrive(session, body_of_request, wait=wait)
        else:
            await _list(session, {"run": run, "limit": limit, "cursor": cursor})

    with_api(api, api_key, body, as_json=as_json)


def redrive_request(ids: list[str]) -> Json:
    """What to ask the API for: everything, or orders (ids that are UUIDs) and jobs."""
    if "all" in ids:
        return {"all": True}
    orders = [one for one in ids if _is_uuid(one)]
    return {"orderIds": orders, "jobIds": [one for one in ids if one not in orders]}


def _is_uuid(text_: str) -> bool:
    try:
        return str(UUID(text_)) == text_.lower()
    except ValueError:
        return False


async def _redrive(session: Session, request: Json, *, wait: bool) -> None:
    out = session.out
    answer = await session.client.post("/pedidos/dead/redrive", body=request)
    orders, jobs = (int(answer.get(kind) or 0) for kind in ("orders", "jobs"))
    out.say(f"Sent again: {counted(orders, 'order')}, {counted(jobs, 'job')}.")
    job_ids = [str(one) for one in answer.get("redriveJobs") or []]
    if wait and job_ids:
        tally = await _followed(session, job_ids)
        out.say(describe_end(tally, orders))
        answer |= {"processado": tally.processado, "falhou": tally.falhou}
    elif job_ids:
        out.say("They are being tried: `pedidos dead` shows them if they fail again.")
    if out.as_json:
        out.document(answer)


async def _followed(session: Session, job_ids: list[str]) -> Tally:
    try:
        return await until_ended(session.client, job_ids, session.out.progress)
    except asyncio.CancelledError:
        session.out.note(
            "What was sent again goes on without you: `pedidos dead` shows it if it fails again."
        )
        raise


def describe_end(tally: Tally, orders: int) -> str:
    """How what was sent again has ended, in words."""
    words = f"Ended: {text.count(tally.processado)} processado, {text.count(tally.falhou)} falhou."
    if (others := orders - tally.processado - tally.falhou) > 0:
        # The API names so many jobs only; a cancel or a reset ends some before their time.
        words += f" {counted(others, 'order')} not followed to the end."
    if tally.jobs_failed:
        words += f" {counted(tally.jobs_failed, 'job')} did not succeed."
    return words + (" `pedidos dead` shows why." if tally.falhou or tally.jobs_failed else "")


async def _list(session: Session, params: Any) -> None:
    answer = await session.client.get("/pedidos/dead", params)
    if session.out.as_json:
        session.out.document(answer)
        return
    orders, jobs = (_items(answer, kind) for kind in ("orders", "jobs"))
    if await some_open(session.client):
        session.out.say("What was sent again is still being tried; it may fail again.")
    elif not orders and not jobs:
        session.out.say("Nothing is dead.")
    if orders:
        session.out.say(_table("Orders", ("id", "cliente", "valor", "priority"), orders))
    if jobs:
        session.out.say(_table("Jobs", ("id", "function", "deliveries"), jobs))
    for kind in ("orders", "jobs"):
        if more := (answer.get(kind) or {}).get("cursor"):
            session.out.say(f"There are more {kind}: --cursor {more}")


def _items(answer: Json, kind: str) -> list[Json]:
    part = answer.get(kind)
    return list(part.get("items") or []) if isinstance(part, dict) else []


def _table(title: str, columns: tuple[str, ...], items: list[Json]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, no_wrap=name == "id")
    for name in ("attempts", "reason"):
        table.add_column(name)
    for one in items:
        cells = [one.get(name) for name in (*columns, "attempts", "error")]
        table.add_row(*(Text(text.cell(cell)) for cell in cells))
    return table
