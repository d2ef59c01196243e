"""Reading the evidence of checkouts, and judging it."""

from __future__ import annotations

from typing import Any

import pymongo

from pedidos_cli.audit.checkouts.checks import checks
from pedidos_cli.audit.checkouts.stored import Stored, read
from pedidos_cli.audit.checkouts.told import Told, ask
from pedidos_cli.audit.verdict import Verdict

SERVER_SELECTION_MS = 10_000
ANSWER_MS = 600_000


def audit_checkouts(mongo_uri: str, database: str, sandbox_url: str | None = None) -> Verdict:
    """Audit all checkouts of a database, at rest; what is still open is reported as wrong.

    With `sandbox_url` the sandbox's own books are compared too. Holds all of them in memory: some
    10 kB a checkout.

    Raises:
        pymongo.errors.PyMongoError: when MongoDB does not answer.
        httpx.HTTPError: when the sandbox does not answer.
    """
    with pymongo.MongoClient[dict[str, Any]](
        mongo_uri,
        tz_aware=True,
        serverSelectionTimeoutMS=SERVER_SELECTION_MS,
        socketTimeoutMS=ANSWER_MS,
    ) as client:
        stored = read(client[database])
    told = ask(sandbox_url) if sandbox_url else None
    return verdict_of(stored, told)


def verdict_of(stored: Stored, told: Told | None) -> Verdict:
    """All checks; where nothing was ever ordered, nothing holds, and what is wrong is told."""
    judged = tuple(checks(stored, told))
    if not stored.checkouts and not any(stock.sold for stock in stored.stock):
        judged = tuple(
            one.unchecked("nothing was ordered") if one.passed else one for one in judged
        )
    return Verdict(f"{len(stored.checkouts)} checkouts", judged)
