"""Whether a run still wants work is asked seldom; a question that hangs stands for no other."""

from __future__ import annotations

import asyncio

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.execution import scope_gate
from pedidos_common.execution.scope_gate import ScopeGate


class Runs:
    """Answers questions; the first ones hang, or fail."""

    def __init__(self, hanging: int = 0, failing: int = 0) -> None:
        self._hanging, self._failing = hanging, failing
        self.asked = 0

    async def is_open(self, _scope: str) -> bool:
        self.asked += 1
        await asyncio.sleep(0)
        if self.asked <= self._hanging:
            await asyncio.Event().wait()
        if self.asked <= self._failing:
            raise Unavailable("away")
        return True


async def test_jobs_that_begin_at_once_ask_once() -> None:
    runs = Runs()
    gate = ScopeGate(runs.is_open)
    assert all(await asyncio.gather(*(gate.is_open("run") for _ in range(20))))
    assert runs.asked == 1


async def test_a_question_that_hangs_stands_for_itself_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scope_gate, "SHARED_SECONDS", 0.02)
    runs = Runs(hanging=1)
    gate = ScopeGate(runs.is_open)
    first = asyncio.create_task(gate.is_open("run"))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        assert await gate.is_open("run")
    assert not first.done()
    first.cancel()


async def test_a_failure_is_raised_to_all_that_shared_the_question_and_then_asked_anew() -> None:
    runs = Runs(failing=1)
    gate = ScopeGate(runs.is_open)
    failed = await asyncio.gather(*(gate.is_open("run") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(error, Unavailable) for error in failed)
    assert await gate.is_open("run")
    assert runs.asked == 2
