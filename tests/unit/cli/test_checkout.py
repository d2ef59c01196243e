"""`pedidos checkout …` against a stand-in API: what it says, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.cli.conftest import Ended
from tests.unit.cli.fake_api import FakeApi

Pedidos = Callable[..., Ended]


@pytest.mark.parametrize(
    ("slug", "detail", "way_out"),
    [
        ("overloaded", "900 jobs wait in inventory already: try again in 5 s", "again in 5 s"),
        ("queue-draining", "the queue inventory takes nothing in at present", "queues resume"),
        ("not-configured", "checkout is not set up here: set PAYMENT_URL", "pedidos up --sandbox"),
    ],
)
def test_what_is_refused_on_purpose_is_no_stack_that_is_away(
    api: FakeApi, pedidos: Pedidos, slug: str, detail: str, way_out: str
) -> None:
    api.routes["POST /api/checkout"] = (503, {"type": f"/problems/{slug}", "detail": detail})
    ended = pedidos("checkout", "place", "--api", api.url)
    assert ended.status == 4
    assert detail in ended.err
    assert way_out in ended.err
    assert "not ready" not in ended.err


def test_a_stack_that_is_not_ready_is_still_one_that_does_not_answer(
    api: FakeApi, pedidos: Pedidos
) -> None:
    api.routes["POST /api/checkout"] = (503, {"detail": "MongoDB does not answer"})
    ended = pedidos("checkout", "place", "--api", api.url)
    assert (ended.status, "not ready" in ended.err) == (3, True)
