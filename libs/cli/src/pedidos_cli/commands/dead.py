"""`dead`: orders and jobs that used up their retries, and sending them again."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.session import Session, with_api


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
            await _redrive(session, body_of_request)
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


async def _redrive(session: Session, request: Json) -> None:
    answer = await session.client.post("/pedidos/dead/redrive", body=request)
    if session.out.as_json:
        session.out.document(answer)
    session.out.say(
        f"Sent again: {text.count(answer.get('orders'))} orders, "
        f"{text.count(answer.get('jobs'))} jobs. `pedidos dead` shows what is left."
    )


async def _list(session: Session, params: Any) -> None:
    answer = await session.client.get("/pedidos/dead", params)
    if session.out.as_json:
        session.out.document(answer)
        return
    orders, jobs = (_items(answer, kind) for kind in ("orders", "jobs"))
    if not orders and not jobs:
        session.out.say("Nothing is dead.")
        return
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
