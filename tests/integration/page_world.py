"""The application on in-memory ports at a real address, for a browser: it runs beside the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.integration.api_server import served
from tests.unit.api.world import World

T = TypeVar("T")
SECONDS = 20.0


@dataclass
class PageWorld:
    """A world whose application answers at `url`; `do` has its loop do something."""

    world: World
    url: str
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives, done where the application runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(SECONDS)


@contextmanager
def page_world(**settings: Any) -> Iterator[PageWorld]:
    """The application, with some settings changed, in a thread of its own.

    A browser is driven from the test's thread, which therefore can't run the application as well.
    """
    ready: list[PageWorld] = []
    started, over = threading.Event(), threading.Event()

    async def serve() -> None:
        world = World()
        async with served(world.app(**settings)) as found:
            ready.append(PageWorld(world, found.url, asyncio.get_running_loop()))
            started.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    try:
        assert started.wait(SECONDS), "the application did not start"
        yield ready[0]
    finally:
        over.set()
        thread.join(SECONDS)
