"""`pedidos checkout …`: place orders, and see what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from uuid import uuid4

import typer
from rich.table import Table

from pedidos_cli.checkout_states import status_path, until_final
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.sample_shop import WARNING
from pedidos_cli.session import Session, with_api

CHECKOUT = typer.Typer(no_args_is_help=True, help="Place orders live, and see how they stand.")
PLACE_SECONDS = 40.0
USAGE = ExitStatus.USAGE
MARKS = {"succeeded": "✓", "failed": "✗", "running": "…", "retrying": "↻", "queued": "·"}


def _given(text: str | None) -> str | None:
    # An empty shell variable most likely: what it was to hold is not to be made up.
    if text is not None and not text.strip():
        raise typer.BadParameter("it is empty")
    return text


JobId = Annotated[str, typer.Argument(help="Id of the checkout: co_…", callback=_given)]
Detach = Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="Idempotency-Key; a new one if not given.", callback=_given),
]
Method = Annotated[str, typer.Option(help="The payment provider's token.")]
CustomerName = Annotated[str, typer.Option(help="Who orders.")]
CustomerId = Annotated[str, typer.Option("--customer", help="The shop's id of the customer.")]
Email = Annotated[str, typer.Option(help="Where mail goes.")]
Tier = Annotated[str, typer.Option(help="BRONZE, PRATA, OURO or DIAMANTE (VIP).")]


@CHECKOUT.command()
def seed(api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Add the sample shop, for trials: 120 products, and discount codes that hold at once; what is
    there stays."""

    async def body(session: Session) -> None:
        answer = await session.client.post("/api/products/sample")
        if session.out.as_json:
            session.out.document(answer)
        session.out.say(f"{answer['added']} products added. {WARNING}.")

    with_api(api, api_key, body, as_json=as_json)


@CHECKOUT.command()
def place(
    item: Annotated[
        list[str] | None, typer.Option(help="PRODUCT or PRODUCT=QUANTITY; may be repeated.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", exists=True, dir_okay=False, help="The whole body as JSON."),
    ] = None,
    method: Method = "tok_ok",
    customer: CustomerId = "c-1",
    name: CustomerName = "Ana Souza",
    email: Email = "ana@example.com",
    phone: Annotated[
        str | None, typer.Option(help="Where a text message goes: + and its country code.")
    ] = None,
    tier: Tier = "BRONZE",
    discount: Annotated[str | None, typer.Option(help="A discount code.")] = None,
    key: Key = None,
    detach: Detach = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Place an order, and follow it to its end; exit status 1 where it failed."""
    who = {"id": customer, "name": name, "email": email, "tier": tier.upper()}
    if phone:
        who["phone"] = phone
    cart: dict[str, Any] = {
        "customer": who,
        "items": [_item(text) for text in item or ["STA-001"]],
        "payment": {"method": method},
    }
    if discount:
        cart["discountCode"] = discount
    sent = _from_file(file) if file else cart
    _send("/api/checkout", sent, key, api, api_key, detach=detach, as_json=as_json)


@CHECKOUT.command()
def pay(
    amount: Annotated[str, typer.Argument(help="Two decimals, as 12.30.")],
    method: Method = "tok_ok",
    customer: CustomerId = "c-1",
    name: CustomerName = "Ana Souza",
    email: Email = "ana@example.com",
    reference: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    key: Key = None,
    detach: Detach = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Take a payment alone, and follow it to its end; exit status 1 where it failed."""
    who = {"id": customer, "name": name, "email": email}
    sent: dict[str, Any] = {"amount": amount, "method": method, "customer": who}
    if reference:
        sent["reference"] = reference
    _send("/api/payments", sent, key, api, api_key, detach=detach, as_json=as_json)


@CHECKOUT.command()
def status(job_id: JobId, api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """How a checkout stands, step by step; exit status 1 where it failed."""

    async def body(session: Session) -> int:
        return _show(session, await session.client.get(status_path(job_id)))

    with_api(api, api_key, body, as_json=as_json)


@CHECKOUT.command()
def watch(job_id: JobId, api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Follow a checkout to its end; exit status 1 where it failed."""

    async def body(session: Session) -> int:
        return _show(session, await until_final(session.client, job_id, session.out.note))

    with_api(api, api_key, body, as_json=as_json)


@CHECKOUT.command()
def orders(
    customer: Annotated[
        str, typer.Argument(help="The shop's id of the customer.", callback=_given)
    ],
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """A customer's orders, newest first."""

    async def body(session: Session) -> None:
        path = f"/api/customers/{quote(customer, safe='')}/orders"
        page = await session.client.get(path, {"limit": limit})
        if session.out.as_json:
            session.out.document(page)
            return
        table = Table("number", "status", "total", "confirmed")
        for order in page["items"]:
            total = f"{order['total']} {order['currency']}"
            table.add_row(order["orderNumber"], order["status"], total, order["confirmedAt"])
        session.out.say(table)

    with_api(api, api_key, body, as_json=as_json)


def _send(
    path: str,
    sent: Json,
    key: str | None,
    api: str | None,
    api_key: str | None,
    *,
    detach: bool,
    as_json: bool,
) -> None:
    headers = {"Idempotency-Key": key or f"cli-{uuid4()}"}

    async def body(session: Session) -> int:
        answer = await session.client.send(
            "POST", path, json=sent, headers=headers, timeout_seconds=PLACE_SECONDS
        )
        data = answer["data"]
        if detach or data["status"] != "queued":
            return _show(session, data)
        session.out.note(f"Accepted as {data['jobId']}; its status: {data['trackingUrl']}")
        return _show(session, await until_final(session.client, data["jobId"], session.out.note))

    with_api(api, api_key, body, as_json=as_json)


def _show(session: Session, found: Json) -> int:
    if session.out.as_json:
        session.out.document(found)
    else:
        session.out.say(describe(found))
    return int(ExitStatus.FAILED) if found.get("status") == "failed" else 0


def describe(found: Json) -> str:
    """A checkout in a few lines."""
    lines = [f"{found['jobId']}: {found['status']}"]
    if "message" in found:
        milliseconds = found["processingTime"]
        lines[0] += f" ({found['progress']} %, {milliseconds} ms): {found['message']}"
    if order := found.get("order"):
        off = f", {order['discount']} off" if order.get("discountCode") else ""
        lines.append(f"  order {order['orderNumber']}: {order['total']} {order['currency']}{off}")
    for step in found.get("steps", ()):
        mark = _mark(step)
        outcome = step["outcome"] if step["outcome"] not in {None, "done"} else step["status"]
        lines.append(f"  {mark} {step['step']}: {outcome}")
    return "\n".join(lines)


def _mark(step: Json) -> str:
    is_refused = step["status"] == "succeeded" and step["outcome"] not in {None, "done"}
    return MARKS.get("failed" if is_refused else step["status"], " ")


def _item(text: str) -> dict[str, Any]:
    product, _, quantity = text.partition("=")
    if not (quantity or "1").isdecimal():
        raise CliError(f"--item {text}: write PRODUCT or PRODUCT=QUANTITY, as STA-001=2", USAGE)
    return {"productId": product, "quantity": int(quantity or "1")}


def _from_file(path: Path) -> Json:
    try:
        sent = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise CliError(f"{path} is not JSON: {error}", USAGE) from None
    if not isinstance(sent, dict):
        raise CliError(f"{path} holds no JSON object", USAGE)
    return sent
