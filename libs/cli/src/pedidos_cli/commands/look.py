"""`status`, `runs`: how things stand, and how they went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.follow import ENDED
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.progress import Progress
from pedidos_cli.report import Report, times_table
from pedidos_cli.session import Session, with_api


def status(api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """How the present or last run stands."""

    async def body(session: Session) -> None:
        state = await session.client.get("/pedidos")
        if session.out.as_json:
            session.out.document(state)
            return
        _show_status(session, state)

    with_api(api, api_key, body, as_json=as_json)


def _show_status(session: Session, state: Json) -> None:
    out = session.out
    if not state.get("lastRunId"):
        out.say(f"{session.target.api}: no run yet. {_before_a_run(state)}")
        return
    progress = Progress()
    progress.see(state)
    out.say(f"Run {state['lastRunId']}")
    out.say(progress.picture())
    if state.get("error"):
        out.say(Text(f"Reason: {state['error']}", "red"))
    rates = state.get("throughput") or {}
    shown = {name: text.speed(rates.get(name)) for name in ("vip", "normal", "overall")}
    out.say(
        f"throughput: VIP {shown['vip']}, NORMAL {shown['normal']}, overall {shown['overall']}; "
        f"generated in {text.duration(state.get('generationTimeMs'))}, "
        f"total {text.duration(state.get('totalTimeMs'))}; queue {state.get('queueState')}"
    )


def _before_a_run(state: Json) -> str:
    queue = state.get("queueState")
    if queue in {"paused", "closed"}:
        return f"The queue is {queue}: `pedidos resume` lets it go on"
    return "Start one: `pedidos run --quantity N`"


def runs(
    run: Annotated[str | None, typer.Argument(help="Id of a run: all about it.")] = None,
    compare: Annotated[
        str | None, typer.Option(help="Id of a second run: how the two differ.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """The runs of the past, one of them, or two compared."""
    if compare and not run:
        raise CliError("Name two runs: `pedidos runs RUN --compare OTHER`", ExitStatus.USAGE)

    async def body(session: Session) -> None:
        if run and compare:
            await _compare(session, run, compare)
        elif run:
            await _one(session, run)
        else:
            await _list(session, limit)

    with_api(api, api_key, body, as_json=as_json)


async def _list(session: Session, limit: int) -> None:
    page = await session.client.get("/pedidos/runs", {"limit": limit})
    if session.out.as_json:
        session.out.document(page)
        return
    items = page.get("items") or []
    session.out.say(runs_table(items) if items else "No run yet.")


def runs_table(items: list[Json]) -> Table:
    """Runs, one a row."""
    table = Table()
    for name in ("run", "created (UTC)", "phase"):
        table.add_column(name, no_wrap=True)
    for name in ("orders", "VIP", "NORMAL", "failed", "total"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in items:
        failed = (one.get("totalFailedVIP") or 0) + (one.get("totalFailedNormal") or 0)
        table.add_row(
            str(one.get("runId")),
            str(one.get("createdAt") or "").replace("T", " ")[:19],
            str(one.get("phase")),
            text.count(one.get("quantity")),
            text.count(one.get("totalProcessedVIP")),
            text.count(one.get("totalProcessedNormal")),
            text.count(failed if one.get("phase") in ENDED else None),
            text.duration(one.get("totalTimeMs")),
        )
    return table


async def _one(session: Session, run_id: str) -> None:
    found = await session.client.get(f"/pedidos/runs/{run_id}")
    if session.out.as_json:
        session.out.document(found)
        return
    if found.get("phase") in ENDED:
        Report(found).render(session.out.console)
    else:
        session.out.say(f"Run {run_id}: {found.get('phase')}. `pedidos watch` shows it.")
        session.out.say(times_table(found))
    for change in found.get("phases") or []:
        session.out.say(f"  {text.moment(change.get('at'))} {change.get('phase')}")


async def _compare(session: Session, first: str, second: str) -> None:
    answer = await session.client.get(f"/pedidos/runs/{first}/compare/{second}")
    if session.out.as_json:
        session.out.document(answer)
        return
    table = Table(title=f"{first} and {second}", title_justify="left")
    table.add_column("what")
    for name in ("first", "second", "second / first"):
        table.add_column(name, justify="right")
    for row in comparison(answer.get("differences") or {}):
        table.add_row(*row)
    session.out.say(table)


def comparison(differences: Json) -> Iterator[tuple[str, str, str, str]]:
    """Field, both values and their ratio; what the plan repeats of the run is left out."""
    for field, pair in differences.items():
        if differences.get(field.removeprefix("plan.")) == pair and field.startswith("plan."):
            continue
        if field in {"seed", "plan.seed"}:  # a name, no measure
            yield field, str(pair.get("a")), str(pair.get("b")), text.NONE
            continue
        ratio = pair.get("ratio")
        shown = f"{ratio:.2f}" if isinstance(ratio, int | float) else text.NONE
        yield field, _value(pair.get("a")), _value(pair.get("b")), shown


def _value(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return text.count(value)
    return text.NONE if value is None else str(value)
