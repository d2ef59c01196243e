"""Signs of life: who has not turned for too long, and how old the last write is."""

from __future__ import annotations

import pytest

from pedidos_common.execution import life_signs
from pedidos_common.execution.life_signs import LifeSigns


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_part_that_no_longer_turns_is_stuck() -> None:
    clock = Watch()
    signs = LifeSigns(clock)
    quick, slow = signs.part("quick"), signs.part("slow", mongodb_calls=2)
    clock.now = life_signs.SILENT_SECONDS
    assert signs.stuck() == []
    clock.now += 1
    assert signs.stuck() == ["quick"]
    assert signs.stuck(beyond=5.0) == []
    quick()
    assert signs.stuck() == []
    clock.now = life_signs.SILENT_SECONDS + 2 * life_signs.MONGODB_CALL_SECONDS + 1
    assert signs.stuck() == ["quick", "slow"]
    quick()
    slow()
    assert signs.stuck() == []


@pytest.mark.parametrize("age", [0.0, 7.0])
def test_a_write_ages_once_this_process_writes(age: float) -> None:
    clock = Watch()
    signs = LifeSigns(clock)
    clock.now = 100.0
    assert signs.seconds_since_write() == 0.0
    signs.wrote()
    clock.now += age
    assert signs.seconds_since_write() == age
