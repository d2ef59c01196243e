"""`queues`: each queue by itself, held or let go on, and its dead letters by what they share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError
from pedidos_cli.follow import PATIENCE_SECONDS, passing
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.session import Session, with_api
from pedidos_cli.wording import counted

WATCH_SECONDS = 1.0
COUNTS = ("waiting", "active", "delayed", "completed", "failed")

QUEUES = typer.Typer(
    help="Each queue: how it stands, pause, drain, dead letters.", invoke_without_command=True
)
Draw = Callable[[Json], None]
Name = Annotated[str, typer.Argument(help="The queue, as `pedidos queues` names it.")]


@QUEUES.callback()
def queues(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again every second, until Ctrl-C.")
    ] = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """How every queue stands (--json with --watch: one state a line)."""
    if context.invoked_subcommand is not None:
        return

    async def body(session: Session) -> None:
        if watch:
            await _watch(session)
        elif session.out.as_json:
            session.out.document(await session.client.get("/api/queues"))
        else:
            session.out.say(queues_table(await session.client.get("/api/queues")))

    with_api(api, api_key, body, as_json=as_json)


async def _watch(session: Session) -> None:
    silent = 0.0
    with _area(session) as draw:
        while True:
            try:
                draw(await session.client.get("/api/queues"))
                silent = 0.0
            except CliError as error:
                silent += WATCH_SECONDS
                if not passing(error) or silent > PATIENCE_SECONDS:
                    raise
            await asyncio.sleep(WATCH_SECONDS)


@contextlib.contextmanager
def _area(session: Session) -> Iterator[Draw]:
    out = session.out
    if out.as_json:
        yield lambda answer: out.document(answer, compact=True)
    elif out.console.is_terminal:
        with Live(console=out.console, auto_refresh=False) as live:
            yield lambda answer: live.update(queues_table(answer), refresh=True)
    else:
        yield lambda answer: out.say(queues_table(answer))


def queues_table(answer: Json) -> RenderableType:
    """Queues, one a row, and below it what is wrong."""
    table, most = Table(), answer.get("countedUpTo")
    table.add_column("queue", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in (*COUNTS, "oldest", "workers"):
        table.add_column(name, justify="right", no_wrap=True)
    items = answer.get("queues") or []
    for one in items:
        counts = [_count(one.get(name), most) for name in COUNTS]
        oldest = text.duration(one.get("oldestAgeMs")) if one.get("waiting") else text.NONE
        cells = [one.get("queue"), one.get("state"), *counts, oldest, one.get("workers")]
        style = None if one.get("healthy") else "red"
        table.add_row(*(Text(text.cell(cell)) for cell in cells), style=style)
    reasons = [Text(f"! {why}", "red") for one in items for why in one.get("reasons") or ()]
    return Group(table, *reasons)


def _count(number: object, most: object) -> str:
    return text.count(number) + ("+" if number == most else "")


def _path(name: str) -> str:
    return f"/api/queues/{_part(name)}"


def _part(given: str) -> str:
    """What a person gave, as one part of a path."""
    return quote(given, safe="")


@QUEUES.command()
def pause(name: Name, api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Its jobs wait until it is resumed; what is being done of it goes to its end."""
    _change("pause", name, api, api_key, as_json=as_json)


@QUEUES.command()
def resume(name: Name, api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """It goes on after a pause or a drain."""
    _change("resume", name, api, api_key, as_json=as_json)


@QUEUES.command()
def drain(name: Name, api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Its jobs are worked to the last, and nothing new is taken in from outside."""
    _change("drain", name, api, api_key, as_json=as_json)


def _change(verb: str, name: str, api: str | None, api_key: str | None, *, as_json: bool) -> None:
    async def body(session: Session) -> None:
        answer = await session.client.post(f"{_path(name)}/{verb}")
        if session.out.as_json:
            session.out.document(answer)
        session.out.say(f"The queue {answer.get('queue')} is {answer.get('state')}.")

    with_api(api, api_key, body, as_json=as_json)


@QUEUES.command()
def dead(name: Name, api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Its dead letters, those that failed alike as one."""

    async def body(session: Session) -> None:
        answer = await session.client.get(f"{_path(name)}/dead-letters")
        if session.out.as_json:
            session.out.document(answer)
        groups = answer.get("groups") or []
        session.out.say(_groups_table(groups) if groups else f"Nothing of {name} is dead.")
        if not answer.get("complete", True):
            seen = text.count(answer.get("lookedAt"))
            session.out.say(f"Of the newest {seen} dead letters; there are older ones.")

    with_api(api, api_key, body, as_json=as_json)


def _groups_table(groups: list[Json]) -> Table:
    table = Table()
    table.add_column("fingerprint", no_wrap=True)
    table.add_column("function", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("first (UTC)", no_wrap=True)
    table.add_column("last (UTC)", no_wrap=True)
    table.add_column("newest error")
    for one in groups:
        times = [str(one.get(name) or "").replace("T", " ")[:19] for name in ("first", "last")]
        cells = [one.get("fingerprint"), one.get("function"), text.count(one.get("count")), *times]
        table.add_row(*(Text(text.cell(cell)) for cell in (*cells, one.get("error"))))
    return table


@QUEUES.command()
def redrive(
    name: Name,
    fingerprint: Annotated[str, typer.Argument(help="As `pedidos queues dead` names it.")],
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many, those first that failed first.")
    ] = 1_000,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Send dead letters of one kind again, as the same jobs."""

    async def body(session: Session) -> None:
        path = f"{_path(name)}/dead-letters/{_part(fingerprint)}/redrive"
        answer = await session.client.post(path, body={"limit": limit})
        if session.out.as_json:
            session.out.document(answer)
        left = answer.get("left")
        session.out.say(
            f"Sent again: {counted(answer.get('redriven'), 'job')}, {text.count(left)} left"
            + (" of those looked at." if not answer.get("complete", True) else ".")
        )

    with_api(api, api_key, body, as_json=as_json)
