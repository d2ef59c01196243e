"""`logs`: what all services said last."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from pedidos_cli.client import Json
from pedidos_cli.errors import CliError
from pedidos_cli.follow import PATIENCE_SECONDS, passing
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.session import Session, with_api

FOLLOW_SECONDS = 1.0
FOLLOW_LINES = 2_000
_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}
_SHOWN_FIRST = ("timestamp", "level", "service", "event")


def logs(
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 500,
    level: Annotated[str | None, typer.Option(help="Only of this level: info, error …")] = None,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones.")] = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """What the services said last, oldest first (--json with --follow: one a line)."""

    async def body(session: Session) -> None:
        params = {"lines": lines, "level": level, "service": service}
        answer = await session.client.get("/pedidos/logs", params)
        seen: list[Any] = answer.get("lines") or []
        if session.out.as_json and not follow:
            session.out.document(answer)
            return
        _show(session, seen)
        if not follow and not seen:
            session.out.say("Nothing was logged (or BACKEND_LOGS=false gathers nothing).")
        if follow:
            await _follow(session, {**params, "lines": FOLLOW_LINES}, seen)

    with_api(api, api_key, body, as_json=as_json)


async def _follow(session: Session, params: Any, seen: list[Any]) -> None:
    failures = 0
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        try:
            newest = (await session.client.get("/pedidos/logs", params)).get("lines") or []
        except CliError as error:
            failures += 1
            if not passing(error) or failures * FOLLOW_SECONDS > PATIENCE_SECONDS:
                raise
            continue
        failures = 0
        _show(session, new_lines(seen, newest))
        seen = newest or seen


def new_lines(seen: Sequence[Any], newest: Sequence[Any]) -> Sequence[Any]:
    """What of the newest lines comes after the last one seen; all of it where that is not there."""
    for overlap in (seen[-3:], seen[-1:]):
        size = len(overlap)
        for end in range(len(newest), size - 1, -1):
            if size and list(newest[end - size : end]) == list(overlap):
                return newest[end:]
    return newest


def _show(session: Session, lines: Sequence[Any]) -> None:
    for line in lines:
        if session.out.as_json:
            session.out.document(line, compact=True)
        else:
            session.out.console.print(readable(line), soft_wrap=True)


def readable(line: Any) -> Text:
    """One structured line as a person reads it: time, level, service, event, the rest."""
    if not isinstance(line, dict):
        return Text(str(line))
    level = str(line.get("level", "")).lower()
    head = f"{line.get('timestamp', '')} {level:<8}{line.get('service', '')} "
    text = Text(head, "dim").append(str(line.get("event", "")), _STYLES.get(level, ""))
    for key, value in _rest(line).items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text.append(f" {key}=", "dim").append(shown)
    return text


def _rest(line: Json) -> Json:
    return {key: value for key, value in line.items() if key not in _SHOWN_FIRST}
