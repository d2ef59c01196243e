"""Fixtures of the orchestrator's acting half."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Log lines are kept from the console, where a traceback takes seconds to be drawn."""
    with capture_logs():
        yield
