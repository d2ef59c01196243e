"""Follows a run to its end with a live display, and reports."""

from __future__ import annotations

import os
from dataclasses import replace

from pedidos_cli.auditing import audit
from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.follow import until_end
from pedidos_cli.progress import Display
from pedidos_cli.report import Report
from pedidos_cli.session import Session
from pedidos_cli.target import looked_up_again


async def follow_and_report(
    session: Session, run_id: str, *, events: bool = False, beside: Json | None = None
) -> int:
    """Shows the run until it has ended, then its report; the exit status.

    With `events`, each state is printed as a line of JSON, and the report as the last one. What
    stands in `beside` stands in the report as JSON too.
    """
    out = session.out
    with Display(out.progress) as display:

        def show(status: Json) -> None:
            display.show(status)
            if events:
                out.document(status, compact=True)

        run = await until_end(session.client, run_id, show, absent=display.absent)
    report = await audited(session, run)
    if out.as_json:
        out.document({**report.to_json(), **(beside or {})}, compact=events)
    else:
        report.render(out.console)
    return ExitStatus.OK if report.good else ExitStatus.FAILED


async def audited(session: Session, run: Json) -> Report:
    """The report of a run, with the audit's verdict where its MongoDB is known."""
    report = Report(run)
    target = looked_up_again(session.target, os.environ)
    if not target.mongo_uri:
        return report
    try:
        verdict = await audit(target, str(run["runId"]))
    except CliError as error:
        return replace(report, audit_error=error.message)
    return replace(report, verdict=verdict)
