"""A client that tells how long Redis takes for each command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from pedidos_common.adapters.command_watch import CommandWatch, ignore_command

# what Redis holds back until there is something says nothing of how quick it is
WAITING = frozenset({"BZPOPMIN"})
PIPELINE = "pipeline"


@contextmanager
def timed(watch: CommandWatch, command: str) -> Iterator[None]:
    """Tell the watch how long the body took, retries of the driver included."""
    if command in WAITING:
        yield
        return
    began, failed = time.perf_counter(), True
    try:
        yield
        failed = False
    finally:
        watch(command, time.perf_counter() - began, failed=failed)


def watch_of(client: Redis) -> CommandWatch:
    """Who is told of the client's commands."""
    return client.told if isinstance(client, TimedRedis) else ignore_command


class TimedPipeline(Pipeline):
    """A pipeline that counts as one command, `pipeline`, whatever is in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told: CommandWatch = ignore_command

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send what was queued."""
        with timed(self.told, PIPELINE):
            found: list[Any] = await super().execute(raise_on_error)
        return found


class TimedRedis(Redis):
    """A client whose commands `told` is told of; subscriptions are not among them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told: CommandWatch = ignore_command

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command."""
        with timed(self.told, args[0]):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> TimedPipeline:
        """A pipeline that is timed."""
        pipe = TimedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.told = self.told
        return pipe
