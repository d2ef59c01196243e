"""Checkouts while workers are killed at every boundary and the providers misbehave.

Nothing is taken for granted but the audit: it reads our database and the sandbox's own books.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import pytest
from bson import Decimal128

from bench.load.outcomes import await_rest
from pedidos_checkout.domain.steps import Step
from pedidos_cli.audit.checkouts import audit_checkouts
from pedidos_cli.audit.verdict import Check, Verdict
from tests.e2e.stack import Stack, running_stack
from tests.faults.hooks import boundaries, unguarded
from tests.faults.hooks.wrapping import Hook, hooked
from tests.faults.placing import place

log = logging.getLogger(__name__)
COUNT = "COUNT"
CHECKOUTS, MIDDLING, FEW, WORKERS = 2_000, 200, 24, 3
ALL_MET_FROM = 2_000  # some boundaries are those of one checkout in a hundred
REST_SECONDS, SHORT_REST_SECONDS = 780.0, 60.0
PLENTY = 1_000_000
ONE_SCARCE_IN = 10
ALL_OFF = "ALLOFF"  # with it nothing is to be paid
# where what was done is not written down yet
DANGEROUS = (
    (Step.PAYMENT, "HttpPayments.authorise", boundaries.AFTER),
    (Step.STOCK, "MongoStock.reserve", boundaries.AFTER),
    (Step.CAPTURE, "HttpPayments.capture", boundaries.AFTER),
    (Step.CAPTURE, "MongoJobLedger.settle", boundaries.AFTER),
    (Step.INVENTORY, "MongoStock.commit", boundaries.AFTER),
    (Step.CONFIRMATION, "SmtpMail.send", boundaries.BEFORE),
)
QUICK = {
    "LEASE_SECONDS": "2",
    "PROVIDER_TIMEOUT_MS": "700",
    "BREAKER_PAUSE_SECONDS": "1",
    "CHECKOUT_PAYMENT_WAIT_SECONDS": "4",
    "SANDBOX_ACTION_SECONDS": "0.5",
}
FAULTS: tuple[Mapping[str, object], ...] = (
    {"operation": "authorise", "mode": "timeout_after", "seconds": 1.5, "share": 0.06},
    {"operation": "capture", "mode": "timeout_after", "seconds": 1.5, "share": 0.15},
    {"operation": "refund", "mode": "timeout_after", "seconds": 1.5, "share": 0.1},
    {"operation": "void", "mode": "timeout_after", "seconds": 1.5, "share": 0.1},
    {"operation": "authorise", "mode": "fail", "status": 503, "share": 0.08},
    {"operation": "mail", "mode": "fail", "status": 451, "share": 0.05},
    {"operation": "sms", "mode": "timeout_after", "seconds": 1.5, "share": 0.05},
    {"operation": "webhook", "mode": "twice", "share": 0.2},
    {"operation": "webhook", "mode": "never", "share": 0.4},
    {"operation": "webhook", "mode": "late", "seconds": 5.0, "share": 0.2},
)
# whose capture timed out, and who is not told after it that it was done, gives a charge back
IN_DOUBT: tuple[Mapping[str, object], ...] = (
    {"operation": "capture", "mode": "timeout_after", "seconds": 1.5, "share": 0.5},
    {"operation": "lookup", "mode": "fail", "status": 503, "share": 0.3},
)
MANY_TIME_OUTS = tuple(
    {"operation": operation, "mode": "timeout_after", "seconds": 1.5, "share": 0.2}
    for operation in ("authorise", "capture")
)
# two attempts at a payment: some are given up, so that what was charged has to be given back
QUEUES = """
[queues.payment-processing]
concurrency = 8
attempts = 2
backoff_seconds = 0.2
sync_above = "none"
refuse_above = "none"
[queues.order-processing]
concurrency = 8
backoff_seconds = 0.2
sync_above = "none"
refuse_above = "none"
[queues.inventory]
backoff_seconds = 0.2
sync_above = "none"
refuse_above = "none"
[queues.email-notifications]
backoff_seconds = 0.2
[queues.sms-notifications]
backoff_seconds = 0.2
"""


def environ_of(folder: Path) -> Mapping[str, str]:
    """Of a stack whose workers die at boundaries, and which does not wait long for anything."""
    met = folder / "met"
    met.mkdir(parents=True)
    queues = folder / "queues.toml"
    queues.write_text(QUEUES, encoding="utf-8")
    own = {**QUICK, "QUEUES_FILE": str(queues), boundaries.VARIABLE: str(met)}
    return hooked(boundaries.install, environ=own)


def misbehave(sandbox: str, faults: Sequence[Mapping[str, object]] = FAULTS) -> None:
    """The providers do this from now on; the first ones go before the others."""
    with httpx.Client(base_url=sandbox, trust_env=False) as http:
        for fault in faults:
            http.post("/control/faults", json=fault).raise_for_status()


def sandbox_of(stack: Stack) -> str:
    """Where the providers are played."""
    return str(json.loads((stack.folder / "sandbox.json").read_text("utf-8"))["url"])


def fill_shop(stack: Stack, count: int) -> None:
    """Products to sell: enough of most for all checkouts, too few of some; a discount code."""
    stack.post("/api/products/sample")
    given = {"percent": Decimal128("100"), "amount": None, "least": Decimal128("0")}
    stack.database.discounts.insert_one({"_id": ALL_OFF, **given, "validUntil": None})
    listed = stack.get("/api/products", limit=1000)["items"]
    scarce = [one["productId"] for one in listed][4::ONE_SCARCE_IN]
    for query, there in (({"$nin": scarce}, PLENTY), ({"$in": scarce}, 1 + count // 50)):
        levels = {"available": there, "stocked": there}
        stack.database.stock.update_many({"_id": query}, {"$set": levels})


def drill(
    stack: Stack, folder: Path, waves: Sequence[int], rest_seconds: float = SHORT_REST_SECONDS
) -> Verdict:
    """Place checkouts, wave after wave, each once all is at rest, and audit.

    From the second wave on many captures are in doubt.
    """
    fill_shop(stack, sum(waves))
    misbehave(sandbox_of(stack))
    jobs: dict[str, str] = {}
    for seed, count in enumerate(waves, 1):
        if jobs:
            misbehave(sandbox_of(stack), IN_DOUBT)
        placed = asyncio.run(place(str(stack.http.base_url), count, seed, discount=ALL_OFF))
        seconds = await_rest(stack.database, rest_seconds)
        killed = sum(one["restarts"] for one in stack.processes("worker"))
        log.warning(
            "%d checkouts at rest %.0f s after the last: workers killed %d times, at %d boundaries",
            *(count, seconds, killed, len(boundaries.met_in(folder / "met"))),
        )
        assert len(placed.jobs) == count
        jobs |= placed.jobs
    assert set(jobs.values()) == {one["_id"] for one in stack.database.checkouts.find()}
    verdict = audit_checkouts(stack.mongo_uri, stack.database.name, sandbox_of(stack))
    log.warning("%s\n%s", verdict.headline(), "\n".join(_line(one) for one in verdict.checks))
    return verdict


def assert_holds(verdict: Verdict) -> None:
    """Every check can be made, and holds."""
    assert verdict.passed, [check for check in verdict.checks if check.passed is False]
    assert not verdict.unchecked


def _line(check: Check) -> str:
    return f"  {check.title}: {check.found}"


def test_few_checkouts_survive_workers_that_die_at_their_boundaries(tmp_path: Path) -> None:
    environ = {**environ_of(tmp_path), boundaries.REST: "0"}
    boundaries.spare_all_but(tmp_path / "met", DANGEROUS)
    with running_stack(tmp_path / "stack", environ, 1, WORKERS, ("--sandbox",)) as stack:
        assert_holds(drill(stack, tmp_path, [FEW]))
    assert boundaries.met_in(tmp_path / "met") == set(DANGEROUS)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_every_charge_has_one_order_or_one_refund(tmp_path: Path) -> None:
    count = int(os.environ.get(COUNT) or CHECKOUTS)
    with running_stack(
        tmp_path / "stack", environ_of(tmp_path), 1, WORKERS, ("--sandbox",)
    ) as stack:
        # what is done seldom is done while nearly every worker has just begun: so some come later
        waves = [count - count // 10, count // 10]
        assert_holds(drill(stack, tmp_path, waves, REST_SECONDS))
    met = boundaries.met_in(tmp_path / "met")
    by_step = Counter(step for step, *_ in met)
    log.warning("killed by step: %s", dict(by_step))
    assert not met - set(boundaries.every()), "steps make calls that `CALLS` does not name"
    if count >= ALL_MET_FROM:
        assert met == set(boundaries.every())


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(
    ("taken_away", "noticed_by"),
    [
        (unguarded.fresh_keys, {"charged_once"}),
        (unguarded.nothing_undone, {"charges_have_orders", "nothing_held", "messages_sent"}),
    ],
)
def test_the_drill_notices_a_guard_that_is_gone(
    tmp_path: Path, taken_away: Hook, noticed_by: set[str]
) -> None:
    environ = hooked(taken_away, environ=environ_of(tmp_path))
    boundaries.spare_all_but(tmp_path / "met", ())
    with running_stack(tmp_path / "stack", environ, 1, 1, ("--sandbox",)) as stack:
        misbehave(sandbox_of(stack), MANY_TIME_OUTS)
        assert noticed_by <= set(drill(stack, tmp_path, [MIDDLING]).failed)


def test_every_step_has_its_boundaries() -> None:
    assert set(boundaries.CALLS) == set(Step)
