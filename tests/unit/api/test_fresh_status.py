"""The status a moment old: never older than promised, never older than one's own write."""

from __future__ import annotations

import asyncio

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.runs import Phase
from pedidos_common.testing.eventually import eventually
from pedidos_orchestrator.http.fresh_status import OF_THE_STATUS, Fresh
from tests.unit.api.world import Client, World


class Source:
    """A state that takes as long to read as a test wants."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reads = 0
        self.state = b"0"
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def read(self) -> bytes:
        self.reads += 1
        state = self.state
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return state

    def clock(self) -> float:
        return self.now


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def status(source: Source) -> Fresh[bytes]:
    return Fresh(source.read, source.clock)


async def test_many_readers_share_one_read(status: Fresh[bytes], source: Source) -> None:
    assert await asyncio.gather(*(status() for _ in range(50))) == [b"0"] * 50
    assert source.reads == 1


async def test_a_reader_who_asks_often_does_not_wait(status: Fresh[bytes], source: Source) -> None:
    await status()
    source.open.clear()
    source.state = b"1"
    source.now += 0.2
    assert await asyncio.wait_for(status(), 1) == b"0"
    await eventually(lambda: source.reads == 2)
    assert await status() == b"0"
    source.open.set()

    async def refreshed() -> bool:
        return await status() == b"1"

    await eventually(refreshed)
    assert source.reads == 2


async def test_nothing_older_than_promised_is_shown(status: Fresh[bytes], source: Source) -> None:
    await status()
    source.state = b"1"
    source.now += OF_THE_STATUS.oldest + 0.01
    assert await status() == b"1"


async def test_a_slow_read_makes_nobody_wait_who_asks_often(
    status: Fresh[bytes], source: Source
) -> None:
    await status()
    source.open.clear()
    source.now += 0.2
    await status()
    await eventually(lambda: source.reads == 2)
    source.now += 0.5
    assert await asyncio.wait_for(status(), 1) == b"0"
    source.now += OF_THE_STATUS.oldest_while_reading
    waiting = asyncio.create_task(status())
    await asyncio.sleep(0)
    assert not waiting.done()
    source.state = b"1"
    source.open.set()
    assert await waiting == b"0"
    assert source.reads == 2


async def test_a_read_that_began_before_a_write_is_not_kept(
    status: Fresh[bytes], source: Source
) -> None:
    source.open.clear()
    early = asyncio.create_task(status())
    await eventually(lambda: source.reads == 1)
    source.state = b"1"
    status.forget()
    source.open.set()
    assert await status() == b"1"
    assert await early == b"0"
    assert await status() == b"1"


async def test_a_failed_read_reaches_who_waited_and_nobody_else(
    status: Fresh[bytes], source: Source
) -> None:
    await status()
    source.failure = Unavailable("gone")
    source.now += 0.2
    assert await status() == b"0"
    await eventually(lambda: source.reads == 2)
    source.now += 2 * OF_THE_STATUS.oldest
    with pytest.raises(Unavailable):
        await status()
    source.failure = None
    assert await status() == b"0"


async def test_a_reader_that_leaves_does_not_take_the_read_with_it(
    status: Fresh[bytes], source: Source
) -> None:
    source.open.clear()
    leaving, staying = asyncio.create_task(status()), asyncio.create_task(status())
    await eventually(lambda: source.reads == 1)
    leaving.cancel()
    source.open.set()
    assert await staying == b"0"


async def test_one_sees_one_s_own_writes(world: World, client: Client) -> None:
    assert (await client.get("/pedidos")).json()["phase"] == "IDLE"
    run = await world.started(client)
    assert (await client.get("/pedidos")).json()["lastRunId"] == run.scope
    await client.post("/pedidos/queue/pause")
    assert (await client.get("/pedidos")).json()["queueState"] == "paused"
    await world.ended(run, Phase.ABORTED)
    await client.post("/pedidos/reset")
    assert (await client.get("/pedidos")).json()["phase"] == "IDLE"
