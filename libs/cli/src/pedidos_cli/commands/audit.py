"""`audit`: an independent look at what a run left in MongoDB."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from pedidos_cli.auditing import audit as audit_run
from pedidos_cli.errors import ExitStatus, Unreachable
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.output import Output
from pedidos_cli.session import finish
from pedidos_cli.target import Target, find_target

if TYPE_CHECKING:
    from pedidos_cli.audit.verdict import Verdict

AuditedMongo = Annotated[
    str | None,
    typer.Option("--mongo-uri", help="Address of MongoDB; else the last stack's, else MONGO_URI."),
]
AuditedDatabase = Annotated[
    str | None,
    typer.Option("--database", help="Name of the database; else the stack's, else MONGO_DB."),
]


def audit(
    run: Annotated[str | None, typer.Option(help="Id of the run; else the newest.")] = None,
    mongo_uri: AuditedMongo = None,
    database: AuditedDatabase = None,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Check from MongoDB alone that a run kept every promise; exit status 0 or 1."""
    target = audit_target(api, api_key, mongo_uri, database)
    show(asyncio.run(audit_run(target, run)), as_json=as_json)


def show(verdict: Verdict, *, as_json: bool) -> None:
    """Print what an audit says, and end with status 0 or 1."""
    out = Output(as_json=as_json)
    if out.as_json:
        out.document(verdict.to_json())
    else:
        verdict.render(out.console)
    finish(ExitStatus.OK if verdict.passed else ExitStatus.FAILED)


def audit_target(
    api: str | None, api_key: str | None, mongo_uri: str | None, database: str | None
) -> Target:
    """What to audit; the API is compared only where it is known to belong to that MongoDB."""
    try:
        target = find_target(api, api_key, os.environ)
    except Unreachable:
        target = Target("", mongo_uri=os.environ.get("MONGO_URI") or None)
    named_api = api or os.environ.get("PEDIDOS_API")
    if mongo_uri and mongo_uri != target.mongo_uri:
        target = replace(target, mongo_uri=mongo_uri, api=target.api if named_api else "")
    return replace(target, database=database or target.database)
