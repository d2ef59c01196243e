"""The model's server answers at once, so its calls need no event loop."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any
from unittest.mock import Mock, patch

import pytest

from pedidos_common.execution.write_limiter import WriteLimiter


async def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """In place of a task of its own."""
    return await work


def never_stuck(_limiter: WriteLimiter, _place: object) -> Mock:
    """In place of a timer."""
    return Mock()


@pytest.fixture(autouse=True)
def no_tasks() -> Iterator[None]:
    """For every test here."""
    with (
        patch("pedidos_common.adapters.mongo.errors.undisturbed", at_once),
        patch.object(WriteLimiter, "_when_stuck", never_stuck),
    ):
        yield
