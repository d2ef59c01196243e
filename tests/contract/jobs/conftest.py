"""Every job ledger keeps the same promises: each test here runs on each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import ledger_of
from tests.contract.lab import KINDS, LEASE_SECONDS, Lab, lab_of

TOGETHER = "mongo, together"


@pytest.fixture(params=[*KINDS, TOGETHER])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    together = request.param == TOGETHER
    async with lab_of("mongo" if together else request.param, request) as found:
        found.together = together
        yield found


@pytest.fixture
def ledger(lab: Lab) -> JobLedger:
    return ledger_of(lab, LEASE_SECONDS)
