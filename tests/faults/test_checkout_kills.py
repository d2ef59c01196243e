"""Checkouts while workers are killed at every boundary and the providers misbehave.

Nothing is taken for granted but the audit: it reads our database and the sandbox's own books.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx
import pytest

from bench.load.outcomes import await_rest
from pedidos_checkout.domain.flow import FORWARD, UNDOES
from pedidos_checkout.domain.steps import Step
from pedidos_cli.audit.checkouts import audit_checkouts
from tests.e2e.stack import Stack, running_stack
from tests.faults.hooks import boundaries
from tests.faults.hooks.wrapping import hooked
from tests.faults.placing import place

log = logging.getLogger(__name__)
CHECKOUTS, FEW = 2_000, 60
REST_SECONDS, SHORT_REST_SECONDS = 900.0, 90.0
QUICK = {
    "LEASE_SECONDS": "2",
    "PROVIDER_TIMEOUT_MS": "700",
    "BREAKER_PAUSE_SECONDS": "1",
    "CHECKOUT_PAYMENT_WAIT_SECONDS": "15",
}
FAULTS: tuple[Mapping[str, object], ...] = (
    {"operation": "authorise", "mode": "timeout_after", "seconds": 3.0, "share": 0.04},
    {"operation": "capture", "mode": "timeout_after", "seconds": 3.0, "share": 0.04},
    {"operation": "refund", "mode": "timeout_after", "seconds": 3.0, "share": 0.1},
    {"operation": "void", "mode": "timeout_after", "seconds": 3.0, "share": 0.1},
    {"operation": "authorise", "mode": "fail", "status": 503, "share": 0.04},
    {"operation": "mail", "mode": "fail", "status": 451, "share": 0.05},
    {"operation": "sms", "mode": "timeout_after", "seconds": 3.0, "share": 0.05},
    {"operation": "webhook", "mode": "twice", "share": 0.2},
    {"operation": "webhook", "mode": "never", "share": 0.2},
    {"operation": "webhook", "mode": "late", "seconds": 5.0, "share": 0.2},
)
QUEUES = """
[queues.payment-processing]
concurrency = 8
backoff_seconds = 0.2
[queues.order-processing]
concurrency = 8
backoff_seconds = 0.2
[queues.inventory]
backoff_seconds = 0.2
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


def misbehave(sandbox: str) -> None:
    """The providers do what is in `FAULTS` from now on."""
    with httpx.Client(base_url=sandbox, trust_env=False) as http:
        for fault in FAULTS:
            http.post("/control/faults", json=fault).raise_for_status()


def met_in(folder: Path) -> list[tuple[str, str, str]]:
    """The boundaries at which a worker was killed: step, call, moment."""
    names = sorted(path.stem for path in (folder / "met").iterdir())
    return [tuple(name.split("|")) for name in names]  # type: ignore[misc]


def drill(stack: Stack, folder: Path, count: int, rest_seconds: float) -> None:
    """Place checkouts, wait until all is at rest, and audit."""
    sandbox = str(stack.document()["sandbox"])
    misbehave(sandbox)
    placed = asyncio.run(place(str(stack.http.base_url), count))
    await_rest(stack.database, rest_seconds)
    assert len(placed.jobs) == count
    stored = stack.database.checkouts.count_documents({"_id": {"$in": list(placed.jobs.values())}})
    assert stored == count == stack.database.checkouts.count_documents({})
    verdict = audit_checkouts(stack.mongo_uri, stack.database.name, sandbox)
    log.warning("%s; killed at %d boundaries", verdict.headline(), len(met_in(folder)))
    assert verdict.passed, [check for check in verdict.checks if check.passed is False]


def steps_killed_at(folder: Path, call: str, moment: str) -> Iterable[str]:
    """The steps of which a worker was killed there."""
    return {
        step
        for step, its_call, its_moment in met_in(folder)
        if (its_call, its_moment) == (call, moment)
    }


def test_few_checkouts_survive_workers_that_die_at_their_boundaries(tmp_path: Path) -> None:
    with running_stack(tmp_path / "stack", environ_of(tmp_path), 1, 3, ("--sandbox",)) as stack:
        drill(stack, tmp_path, FEW, SHORT_REST_SECONDS)
    assert len(met_in(tmp_path)) > 10


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_every_charge_has_one_order_or_one_refund(tmp_path: Path) -> None:
    with running_stack(tmp_path / "stack", environ_of(tmp_path), 1, 3, ("--sandbox",)) as stack:
        drill(stack, tmp_path, CHECKOUTS, REST_SECONDS)
    for call, moment in (
        ("ledger.claim", "after"),
        ("ledger.settle", "before"),
        ("ledger.settle", "after"),
    ):
        missed = set(Step) - set(steps_killed_at(tmp_path, call, moment))
        assert not missed, f"no worker was killed {moment} {call} of {missed}"
    assert set(Step) >= FORWARD | UNDOES
