"""Readiness by acknowledged writes."""

from __future__ import annotations

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.execution.life_signs import LifeSigns
from pedidos_common.runtime.readiness import readiness, taking_writes

LEASE_SECONDS = 10.0


async def answers() -> bool:
    return True


async def says_no() -> bool:
    return False


@pytest.mark.parametrize(("age", "ready"), [(9.0, True), (11.0, False)])
async def test_a_server_that_answers_and_acknowledges_no_write_is_not_ready(
    age: float, *, ready: bool
) -> None:
    now = [0.0]
    signs = LifeSigns(lambda: now[0])
    signs.wrote()
    now[0] = age
    found = await readiness({"mongo": taking_writes(answers, signs, LEASE_SECONDS)}, 1.0)
    assert found.ready is ready
    assert ("acknowledged no write" in str(found.reasons)) is not ready


async def test_before_a_process_writes_the_answer_decides() -> None:
    signs = LifeSigns()
    assert await taking_writes(answers, signs, LEASE_SECONDS)()
    assert not await taking_writes(says_no, signs, LEASE_SECONDS)()


async def test_every_reason_is_told() -> None:
    async def refuses() -> bool:
        raise Unavailable("it takes no write")

    async def breaks() -> bool:
        raise ValueError("a secret")

    found = await readiness({"a": answers, "b": refuses, "c": breaks, "d": says_no}, 1.0)
    assert found.verdicts == {"a": True, "b": False, "c": False, "d": False}
    assert found.reasons["b"] == "it takes no write"
    assert "secret" not in found.reasons["c"]
    assert found.reasons["d"] == "it does not answer"
