"""Waiting for conditions."""

from __future__ import annotations

import pytest

from pedidos_common.testing.eventually import eventually


async def test_the_first_truthy_value_is_returned() -> None:
    values = iter([0, None, 7])
    assert await eventually(lambda: next(values)) == 7


async def test_an_assertion_is_tried_again_and_told_at_the_end() -> None:
    def never() -> bool:
        raise AssertionError("still wrong")

    with pytest.raises(AssertionError, match="still wrong"):
        await eventually(never, timeout_seconds=0.01, poll_seconds=0.001)


async def test_the_last_value_is_told() -> None:
    with pytest.raises(AssertionError, match="last seen: 0"):
        await eventually(lambda: 0, timeout_seconds=0.01, poll_seconds=0.001)
