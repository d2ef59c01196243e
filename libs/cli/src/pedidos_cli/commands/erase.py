"""`erase`: a customer's name goes out of stored orders and checkouts, for good."""

from __future__ import annotations

from typing import Annotated

import typer

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.session import Session, with_api

ERASE_SECONDS = 300.0


def erase(
    customer: Annotated[str, typer.Argument(help="The customer, exactly as orders name them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Erase a customer's name from every stored order and checkout; it can't be brought back."""
    if not yes:
        _ask(customer, as_json=as_json)

    async def body(session: Session) -> None:
        answer = await session.client.send(
            "POST",
            "/pedidos/customers/erase",
            json={"cliente": customer},
            timeout_seconds=ERASE_SECONDS,
        )
        if session.out.as_json:
            session.out.document(answer)
        session.out.say(f"Erased: {_counted(answer)} named this customer.")

    with_api(api, api_key, body, as_json=as_json)


def _counted(answer: Json) -> str:
    counts = {
        "orders of runs": answer.get("orders"),
        "checkouts": answer.get("checkouts"),
        "orders placed live": answer.get("placedOrders"),
    }
    return ", ".join(f"{text.count(count or 0)} {what}" for what, count in counts.items())


def _ask(customer: str, *, as_json: bool) -> None:
    """Asks on standard error, and goes on only after a yes.

    Raises:
        CliError: when nobody said yes.
    """
    refused = CliError(
        "Nothing was erased: nobody said yes. --yes needs no answer", ExitStatus.USAGE
    )
    if as_json:
        raise refused
    question = (
        f"Erase {text.cell(customer)!r} from all orders and checkouts? It can't be brought back"
    )
    try:
        said = typer.confirm(question, err=True)
    except typer.Abort:
        raise refused from None
    if not said:
        raise refused
