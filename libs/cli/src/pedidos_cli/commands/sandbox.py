"""`sandbox`: what the played providers do wrong, and what they have seen."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.options import Api, AsJson
from pedidos_cli.output import Output
from pedidos_cli.sandbox_control import SandboxControl, find_sandbox

SANDBOX = typer.Typer(
    help="The providers that `pedidos up --sandbox` plays: what goes wrong, what has happened.",
    no_args_is_help=True,
)
COLUMNS = {
    "payments": ("id", "reference", "amount", "currency", "method", "status", "history"),
    "messages": ("id", "to", "reference", "text", "idempotency_key"),
    "mail": ("id", "to", "subject", "message_id"),
    "webhooks": ("id", "type", "payment", "state", "deliveries"),
    "keys": ("key", "status", "replays", "first_used"),
}
FAULT_COLUMNS = ("operation", "mode", "seconds", "status", "times", "share", "happened")

Sandbox = Annotated[
    str | None,
    typer.Option(
        "--sandbox", envvar="PEDIDOS_SANDBOX", help="Address of the sandbox; else the stack's own."
    ),
]


class Part(StrEnum):
    """What of the ledger to show."""

    PAYMENTS = "payments"
    MESSAGES = "messages"
    MAIL = "mail"
    WEBHOOKS = "webhooks"
    KEYS = "keys"


@SANDBOX.command()
def faults(
    operation: Annotated[
        str | None,
        typer.Argument(help="authorise, capture, void, refund, lookup, sms, mail or webhook."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Argument(
            help="slow, fail, timeout_after or drop; of webhooks twice, late, never, out_of_order."
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="How long it waits.")] = None,
    status: Annotated[int | None, typer.Option(help="What `fail` answers.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="How often; else always.")] = None,
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="In which share of the cases.")
    ] = 1.0,
    end: Annotated[bool, typer.Option("--end", help="Nothing goes wrong any more.")] = False,
    api: Api = None,
    sandbox: Sandbox = None,
    as_json: AsJson = False,
) -> None:
    """Show what goes wrong; with an operation and a mode, let that go wrong from now on."""
    if (operation is None) is not (mode is None) or (end and operation):
        raise CliError(
            "A fault is an operation and a mode (`pedidos sandbox faults capture fail`), and --end "
            "stands alone",
            ExitStatus.USAGE,
        )
    with SandboxControl(find_sandbox(sandbox, api, os.environ)) as control:
        if end:
            control.ask("DELETE", "/control/faults")
        if operation:
            wanted = {"operation": operation, "mode": mode, "seconds": seconds}
            rest = {"status": status, "times": times, "share": share}
            control.ask("POST", "/control/faults", {**wanted, **rest})
        answer = control.ask("GET", "/control/faults")
    _show(Output(as_json=as_json), answer, FAULT_COLUMNS, "Nothing goes wrong.")


@SANDBOX.command()
def ledger(
    part: Annotated[Part | None, typer.Argument(help="Of what; else how much there is.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Go on where a page ended.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    api: Api = None,
    sandbox: Sandbox = None,
    as_json: AsJson = False,
) -> None:
    """Show what the providers have seen, oldest first."""
    out = Output(as_json=as_json)
    with SandboxControl(find_sandbox(sandbox, api, os.environ)) as control:
        if part is None:
            _show_summary(out, control.ask("GET", "/control/ledger"))
            return
        answer = control.ask("GET", f"/control/ledger/{part}", after=after, limit=limit)
    _show(out, answer, COLUMNS[part], f"No {part}.")
    if more := answer.get("next"):
        out.say(f"There is more: --after {more}")


@SANDBOX.command()
def reset(api: Api = None, sandbox: Sandbox = None, as_json: AsJson = False) -> None:
    """Forget everything: payments, messages, mail, keys and faults."""
    with SandboxControl(find_sandbox(sandbox, api, os.environ)) as control:
        control.ask("POST", "/control/reset")
    out = Output(as_json=as_json)
    if out.as_json:
        out.document({"reset": True})
    out.say("The sandbox is empty, and nothing goes wrong.")


def _show_summary(out: Output, answer: Json) -> None:
    if out.as_json:
        out.document(answer)
    for name, value in answer.items():
        counts = value.items() if isinstance(value, dict) else ()
        parts = ", ".join(f"{key} {text.count(count)}" for key, count in counts if count)
        out.say(f"{name}: {parts or 'none'}" if isinstance(value, dict) else f"{name}: {value}")


def _show(out: Output, answer: Json, columns: tuple[str, ...], nothing: str) -> None:
    if out.as_json:
        out.document(answer)
        return
    entries: list[Json] = list(answer.get("data") or [])
    if not entries:
        out.say(nothing)
        return
    table = Table()
    for name in columns:
        table.add_column(name.replace("_", " "))
    for entry in entries:
        table.add_row(*(Text(_cell(name, entry.get(name))) for name in columns))
    out.say(table)


def _cell(name: str, value: Any) -> str:
    """A value on one line: a history as its events, deliveries as what they were answered."""
    if name == "history":
        return " > ".join(text.cell(event.get("event")) for event in value or [])
    if name == "deliveries":
        return " ".join(text.cell(one.get("status") or one.get("error")) for one in value or [])
    return text.cell(", ".join(value) if isinstance(value, list) else value)
