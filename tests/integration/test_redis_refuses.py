"""A Redis that answers each command with an error, or with nothing: every port says so in time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from pedidos_common.adapters.redis.client import Redis, check_writable, connect, memory, ping
from pedidos_common.adapters.redis.events import RedisEvents
from pedidos_common.adapters.redis.logs import RedisLogGathering
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band
from pedidos_common.ports import Bell, LogLine
from pedidos_common.testing.eventually import eventually

COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n")
ERRORS = (
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "BUSY Redis is busy running a script.",
    "MASTERDOWN Link with MASTER is down",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but can't persist on disk.",
)
HANGS = ""
# the driver tries these again, for as long as a call may take
TRIED_AGAIN = {ERRORS[0], HANGS}
CASES = [
    pytest.param(error, marks=[pytest.mark.slow] if error in TRIED_AGAIN else [])
    for error in (*ERRORS, HANGS)
]
BOUND_SECONDS = 10.0
BELL = Bell("r:1", "orders", Band.NORMAL, 1)


@dataclass
class Refusing:
    """A server that gives each command the same error; with none it hangs."""

    error: str
    asked: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        while received := await reader.read(65_536):
            commands = len(COMMAND.findall(received))
            self.asked += commands
            if self.error:
                writer.write(f"-{self.error}\r\n".encode() * commands)
        writer.close()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


@pytest.fixture(params=CASES, ids=lambda error: error.split(" ")[0] or "hangs")
async def refusing(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Redis, Refusing]]:
    server = Refusing(request.param)
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    client = connect(f"redis://127.0.0.1:{port}/0")
    yield client, server
    await client.aclose()
    listening.close()
    server.close()


CALLS: dict[str, Callable[[Redis], Awaitable[object]]] = {
    "ping": ping,
    "check_writable": lambda client: check_writable(client, ""),
    "memory": memory,
    "ring": lambda client: ArqTransport(client, "").ring([BELL]),
    "missing": lambda client: ArqTransport(client, "").missing([BELL]),
    "depth": lambda client: ArqTransport(client, "").depth("orders"),
    "append": lambda client: RedisLogGathering(client, "").append([LogLine("w", "info", "x")]),
}


async def test_each_call_is_unavailable_in_time(refusing: tuple[Redis, Refusing]) -> None:
    client, _server = refusing

    async def refused(call: Callable[[Redis], Awaitable[object]]) -> float:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="Redis could not"):
            await call(client)
        return time.monotonic() - began

    took = await asyncio.gather(*map(refused, CALLS.values()))
    assert max(took) < BOUND_SECONDS, dict(zip(CALLS, took, strict=True))


async def test_who_only_listens_goes_on_asking(refusing: tuple[Redis, Refusing]) -> None:
    client, server = refusing

    async def nobody(_job_id: str) -> None:
        raise AssertionError("nothing may be delivered")

    await RedisEvents(client, "").publish("engine")
    receiving = asyncio.ensure_future(
        ArqTransport(client, "").receive("orders", lambda: 1, nobody, lambda: True)
    )
    asked = server.asked
    await eventually(lambda: server.asked > asked + 2, timeout_seconds=30)
    assert not receiving.done()
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
