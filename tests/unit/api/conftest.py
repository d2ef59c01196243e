"""The application on in-memory ports, and a client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from structlog.testing import capture_logs

from tests.unit.api.world import World


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Log lines are kept from the console, where a traceback takes seconds to be drawn."""
    with capture_logs():
        yield


@pytest.fixture
def world() -> World:
    """An empty world."""
    return World()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with default settings."""
    async with world.client_of(world.app()) as found:
        yield found
