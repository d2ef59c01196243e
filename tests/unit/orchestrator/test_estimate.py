"""How long a checkout will take, as its client is told."""

from __future__ import annotations

import pytest

from pedidos_common.testing.eventually import eventually
from pedidos_orchestrator.use_cases.checkout import estimate
from pedidos_orchestrator.use_cases.checkout.estimate import Estimate, Seen


@pytest.fixture(autouse=True)
def _looks_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "LOOK_SECONDS", 0.001)


class Watched:
    """Checkouts that stand as the test says, at the time that it says."""

    def __init__(self) -> None:
        self.seen, self.looked_at, self.now = Seen(), list[str](), 0.0
        self.estimate = Estimate(self._look, lambda: self.now)

    async def _look(self, checkout_id: str) -> Seen:
        self.looked_at.append(checkout_id)
        return self.seen

    async def is_looked_at(self, checkout_id: str) -> None:
        """Until it is: one more is taken in again and again."""

        def looked() -> bool:
            self.estimate.accepted(checkout_id)
            return checkout_id in self.looked_at

        await eventually(looked)


async def test_one_that_waits_for_its_customer_makes_nobody_else_wait_longer() -> None:
    watched = Watched()
    watched.seen = Seen(waits_for_customer=True)
    await watched.is_looked_at("leaves")
    watched.now = 60.0
    await eventually(lambda: watched.estimate.milliseconds == 1_500)
    watched.seen = Seen(took_ms=100.0)
    await watched.is_looked_at("pays")
    await eventually(lambda: watched.estimate.milliseconds == 100)


async def test_one_that_is_open_for_long_counts_with_its_age() -> None:
    watched = Watched()
    await watched.is_looked_at("waits")
    watched.now = 60.0
    assert watched.estimate.milliseconds == 60_000
    watched.seen = Seen(took_ms=50_000.0)
    await eventually(lambda: watched.estimate.milliseconds == 50_000)
