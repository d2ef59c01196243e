"""Reading the evidence of one run, and judging it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pymongo

from pedidos_cli.audit import api, job_checks, order_checks, run_checks
from pedidos_cli.audit.evidence import Evidence, gather
from pedidos_cli.audit.verdict import AuditVerdict, Check

SERVER_SELECTION_MS = 10_000
ANSWER_MS = 600_000


def audit_run(
    mongo_uri: str,
    database: str,
    run_id: str | None = None,
    api_url: str | None = None,
    api_key: str | None = None,
) -> AuditVerdict:
    """Audit a run, the newest where none is named; a million orders take a few seconds.

    Works for a run in any phase: what is still open is reported as open, not as wrong. With
    `api_url` the figures of the API are compared to the database's as well.

    Raises:
        AuditImpossible: when there is no such run.
        pymongo.errors.PyMongoError: when MongoDB does not answer.
    """
    with pymongo.MongoClient[dict[str, Any]](
        mongo_uri,
        uuidRepresentation="standard",
        tz_aware=True,
        serverSelectionTimeoutMS=SERVER_SELECTION_MS,
        socketTimeoutMS=ANSWER_MS,
    ) as client:
        evidence = gather(client[database], run_id)
    checks = list(judge(evidence))
    if api_url and not evidence.run.hidden:
        checks.extend(api.compare(evidence, api_url, api_key))
    return AuditVerdict(evidence.run.id, evidence.run.phase, tuple(checks))


def judge(evidence: Evidence) -> Iterable[Check]:
    """Every check that the evidence allows, in the order of the report."""
    if evidence.run.hidden:
        return [order_checks.wiped(evidence)]
    return [
        *order_checks.checks(evidence),
        *job_checks.checks(evidence),
        *run_checks.checks(evidence),
    ]
