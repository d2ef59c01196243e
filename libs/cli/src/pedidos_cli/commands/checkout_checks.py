"""`pedidos checkout audit` and `reconcile`: whether money, stock and orders agree."""

from __future__ import annotations

import asyncio
import os

from rich.table import Table

from pedidos_cli.auditing import audit_of_checkouts
from pedidos_cli.client import Json
from pedidos_cli.commands.audit import AuditedDatabase, AuditedMongo, audit_target, show
from pedidos_cli.commands.sandbox import Sandbox
from pedidos_cli.errors import CliError
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.sandbox_control import find_sandbox
from pedidos_cli.session import Session, with_api

POLL_SECONDS = 0.5
RECONCILE_SECONDS = 120.0
REPORTS = "/api/reconciliations"


def audit(
    mongo_uri: AuditedMongo = None,
    database: AuditedDatabase = None,
    sandbox: Sandbox = None,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Check from MongoDB and the sandbox's books, at rest, that every charge has one order or one
    refund, and whatever else is promised; status 0 or 1."""
    target = audit_target(api, api_key, mongo_uri, database)
    try:
        address: str | None = find_sandbox(sandbox, api, os.environ)
    except CliError:  # what the providers' books say is then not checkable, and told so
        address = None
    show(asyncio.run(audit_of_checkouts(target, address)), as_json=as_json)


def reconcile(api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Compare payments and stock with the provider's list and with checkouts, and repair."""

    async def body(session: Session) -> None:
        asked = await session.client.post(REPORTS)
        report = await _report(session, str(asked["id"]))
        if session.out.as_json:
            session.out.document(report)
            return
        session.out.say(_compared(report))
        if report["differences"]:
            session.out.say(_differences(report))

    with_api(api, api_key, body, as_json=as_json)


async def _report(session: Session, wanted: str) -> Json:
    try:
        async with asyncio.timeout(RECONCILE_SECONDS):
            while True:
                page = await session.client.get(REPORTS, {"limit": 20})
                for report in page["items"]:
                    if report["id"] == wanted and report["finishedAt"]:
                        return dict(report)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise CliError(
            f"Reconciliation {wanted} is not finished after {RECONCILE_SECONDS:.0f} s: does a "
            f"worker serve payment-processing? `pedidos queues` tells; GET {REPORTS} has it later"
        ) from None


def _compared(report: Json) -> str:
    counted = ", ".join(f"{count} {what}" for what, count in report["seen"].items())
    found = f"Compared {counted or 'nothing'}: {sum(report['counts'].values())} differences."
    left = "Payments younger than 5 minutes are left for later"
    rest = "" if report["complete"] else ", and so is what this one did not come to"
    return f"{found} {left}{rest}."


def _differences(report: Json) -> Table:
    table = Table("kind", "about", "what", "repair")
    for one in report["differences"]:
        table.add_row(one["kind"], one["about"], one["detail"], one["repair"])
    return table
