"""Every transport keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.jobs import Band
from pedidos_common.ports import Bell, Transport
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_transport import InMemoryTransport

QUEUE = "orders"


@pytest.fixture(params=["in_memory", "arq"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    if request.param == "in_memory":
        yield InMemoryTransport()
        return
    client = connect(request.getfixturevalue("redis_url"))
    yield ArqTransport(client, request.getfixturevalue("redis_prefix"))
    await client.aclose()


@pytest.fixture
def forget_all(
    transport: Transport, request: pytest.FixtureRequest
) -> Callable[[], Awaitable[None]]:
    """What `FLUSHALL` does, to this test's keys alone."""

    async def forget() -> None:
        if isinstance(transport, InMemoryTransport):
            transport.forget_all()
            return
        prefix = request.getfixturevalue("redis_prefix")
        async with aclosing(connect(request.getfixturevalue("redis_url"))) as client:
            await client.delete(*[key async for key in client.scan_iter(match=f"{prefix}*")])

    return forget


def bell(job_id: str, band: Band = Band.NORMAL, ring: int = 1, queue: str = QUEUE) -> Bell:
    return Bell(job_id, queue, band, ring)


def bells(count: int) -> list[Bell]:
    return [bell(f"run:job:{number:04}") for number in range(count)]


@dataclass
class Receiver:
    """A worker with `slots` slots, each of which is taken until `finish` is called."""

    slots: int = 10
    open: bool = True
    delivered: list[str] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0
    refuses: Callable[[str], bool] = field(default=lambda _job_id: False)

    def free(self) -> int:
        return self.slots - self.busy

    async def deliver(self, job_id: str) -> None:
        await asyncio.sleep(0)
        if self.refuses(job_id):
            raise RuntimeError("refused on purpose")
        self.delivered.append(job_id)
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)

    async def has_taken(self, count: int) -> None:
        await eventually(lambda: len(self.delivered) == count)

    def finish(self) -> None:
        self.busy = 0

    @asynccontextmanager
    async def on(self, transport: Transport, queue: str = QUEUE) -> AsyncIterator[None]:
        task = asyncio.create_task(
            transport.receive(queue, self.free, self.deliver, lambda: self.open)
        )
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def nobody(_job_id: str) -> Awaitable[None]:
    raise AssertionError("nothing may be delivered")


async def test_every_job_rung_is_delivered(transport: Transport) -> None:
    receiver = Receiver(slots=200)
    await transport.ring(bells(120))
    async with receiver.on(transport):
        await eventually(lambda: len(receiver.delivered) == 120)
    assert receiver.delivered == [each.job_id for each in bells(120)]


async def test_a_ring_after_the_receiver_started_is_delivered(transport: Transport) -> None:
    receiver = Receiver()
    async with receiver.on(transport):
        await transport.ring([bell("late")])
        await eventually(lambda: receiver.delivered == ["late"])


async def test_lower_bands_come_first_and_first_come_first_inside(transport: Transport) -> None:
    await transport.ring([bell("low", Band.LOW), bell("z-normal"), bell("a-normal")])
    await transport.ring([bell("b-normal"), bell("critical", Band.CRITICAL)])
    await transport.ring([bell("high", Band.HIGH), bell("critical-2", Band.CRITICAL)])
    receiver = Receiver(slots=1)
    async with receiver.on(transport):
        for taken in range(1, 8):
            await receiver.has_taken(taken)
            receiver.finish()
    assert receiver.delivered == [
        *("critical", "critical-2", "high", "z-normal", "a-normal", "b-normal", "low"),
    ]


async def test_what_is_rung_again_does_not_queue_behind_the_whole_backlog(
    transport: Transport,
) -> None:
    await transport.ring([bell("first"), bell("critical", Band.CRITICAL)])
    await transport.ring([bell("lost", ring=2), bell("next")])
    await transport.ring([bell("lost-later", ring=5)])
    receiver = Receiver(slots=1)
    async with receiver.on(transport):
        for taken in range(1, 6):
            await receiver.has_taken(taken)
            receiver.finish()
    assert receiver.delivered == ["critical", "lost", "lost-later", "first", "next"]


def vip(job_id: str, ahead_seconds: float = 10.0, ring: int = 1) -> Bell:
    return replace(bell(job_id, ring=ring), ahead_seconds=ahead_seconds)


async def taken_in_turn(transport: Transport, count: int) -> list[str]:
    receiver = Receiver(slots=1)
    async with receiver.on(transport):
        for taken in range(1, count + 1):
            await receiver.has_taken(taken)
            receiver.finish()
    return receiver.delivered


async def test_a_head_start_overtakes_what_was_rung_up_to_so_long_before(
    transport: Transport,
) -> None:
    await transport.ring([bell("normal-1"), bell("normal-2")])
    await transport.ring([vip("vip-1"), bell("normal-3"), vip("vip-2")])
    assert await taken_in_turn(transport, 5) == [
        *("vip-1", "vip-2", "normal-1", "normal-2", "normal-3"),
    ]


async def test_what_was_rung_longer_before_than_a_head_start_goes_first(
    transport: Transport,
) -> None:
    """So nobody is overtaken for longer than that."""
    await transport.ring([bell("normal-early")])
    await asyncio.sleep(0.15)
    await transport.ring([bell("normal-late"), vip("vip", ahead_seconds=0.1)])
    assert await taken_in_turn(transport, 3) == ["normal-early", "vip", "normal-late"]


async def test_no_head_start_leaves_its_band(transport: Transport) -> None:
    a_year = 365 * 86_400.0
    await transport.ring([vip("ahead", a_year), bell("again", ring=2), bell("high", Band.HIGH)])
    await transport.ring([replace(vip("low", a_year), band=Band.LOW), bell("normal")])
    assert await taken_in_turn(transport, 5) == ["high", "again", "ahead", "normal", "low"]


async def test_a_head_start_holds_when_all_is_rung_again_after_a_loss(
    transport: Transport, forget_all: Callable[[], Awaitable[None]]
) -> None:
    await transport.ring([bell("a-normal"), vip("z-vip")])
    await forget_all()
    await transport.ring([vip("vip-new"), bell("normal-new")])
    await transport.ring([bell("a-normal", ring=2), vip("z-vip", ring=2)])
    assert await taken_in_turn(transport, 4) == ["z-vip", "a-normal", "vip-new", "normal-new"]


async def test_never_more_than_the_free_slots_are_taken(transport: Transport) -> None:
    receiver = Receiver(slots=3)
    await transport.ring(bells(10))
    async with receiver.on(transport):
        for taken in (3, 6, 9, 10):
            await receiver.has_taken(taken)
            assert await transport.depth(QUEUE) == 10 - taken
            receiver.finish()
    assert receiver.most_busy == 3


async def test_nothing_is_taken_while_closed(transport: Transport) -> None:
    receiver = Receiver(open=False)
    other = Receiver()
    await transport.ring([bell("one"), bell("elsewhere", queue="other")])
    async with receiver.on(transport), other.on(transport, "other"):
        await eventually(lambda: other.delivered == ["elsewhere"])
        assert receiver.delivered == []
        assert await transport.depth(QUEUE) == 1
        receiver.open = True
        await eventually(lambda: receiver.delivered == ["one"])


async def test_queues_do_not_mix(transport: Transport) -> None:
    receiver = Receiver()
    await transport.ring([bell("mine"), bell("theirs", queue="other")])
    async with receiver.on(transport):
        await eventually(lambda: receiver.delivered == ["mine"])
    assert await transport.depth("other") == 1


async def test_ringing_the_same_bell_twice_is_harmless(transport: Transport) -> None:
    receiver = Receiver()
    await transport.ring([bell("first"), bell("second")])
    await transport.ring([bell("first")])
    assert await transport.depth(QUEUE) == 2
    async with receiver.on(transport):
        await eventually(lambda: receiver.delivered == ["first", "second"])
        await transport.ring([bell("first")])
        await eventually(lambda: receiver.delivered == ["first", "second", "first"])


async def test_a_later_ring_of_a_job_takes_the_place_of_the_one_before(
    transport: Transport,
) -> None:
    first = bells(2)
    await transport.ring(first)
    for ring in range(2, 6):
        await transport.ring([replace(bell, ring=ring) for bell in first])
        assert await transport.depth(QUEUE) == 2
    assert list(await transport.missing(first)) == first
    assert not await transport.missing([replace(bell, ring=5) for bell in first])


async def test_missing_tells_what_is_not_held(transport: Transport) -> None:
    held, other_ring, never = bell("held"), bell("held", ring=2), bell("never")
    await transport.ring([held])
    assert list(await transport.missing([held, other_ring, never])) == [other_ring, never]
    assert list(await transport.missing([])) == []


async def test_that_it_was_emptied_is_told_once(
    transport: Transport, forget_all: Callable[[], Awaitable[None]]
) -> None:
    assert await transport.was_emptied(), "nobody has asked before"
    await transport.ring(bells(3))
    assert not await transport.was_emptied()
    await forget_all()
    assert await transport.was_emptied()
    assert not await transport.was_emptied()


async def test_what_was_delivered_is_gone(transport: Transport) -> None:
    receiver = Receiver()
    await transport.ring(bells(5))
    async with receiver.on(transport):
        await eventually(lambda: len(receiver.delivered) == 5)
    assert await transport.depth(QUEUE) == 0
    assert list(await transport.missing(bells(5))) == bells(5)


async def test_purge_forgets_one_queue(transport: Transport) -> None:
    await transport.ring([*bells(7), bell("elsewhere", queue="other")])
    assert await transport.purge(QUEUE) == 7
    assert await transport.depth(QUEUE) == 0
    assert list(await transport.missing(bells(7))) == bells(7)
    assert await transport.depth("other") == 1
    assert await transport.purge(QUEUE) == 0


async def test_a_delivery_that_fails_does_not_end_the_receiver(transport: Transport) -> None:
    receiver = Receiver(refuses=lambda job_id: job_id == "bad")
    await transport.ring([bell("bad"), bell("good")])
    async with receiver.on(transport):
        await eventually(lambda: receiver.delivered == ["good"])
        await transport.ring([bell("later")])
        await eventually(lambda: receiver.delivered == ["good", "later"])


async def test_a_cancelled_receiver_finishes_what_it_took(transport: Transport) -> None:
    started, release, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_job_id: str) -> None:
        started.set()
        await release.wait()
        finished.set()

    await transport.ring([bell("slow")])
    task = asyncio.create_task(transport.receive(QUEUE, lambda: 1, slow, lambda: True))
    await asyncio.wait_for(started.wait(), 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    release.set()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert finished.is_set()


async def test_a_cancelled_receiver_takes_no_more(transport: Transport) -> None:
    task = asyncio.create_task(transport.receive(QUEUE, lambda: 1, nobody, lambda: True))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await transport.ring([bell("one")])
    assert await transport.depth(QUEUE) == 1


async def test_slow_deliveries_of_one_receiver_hide_nothing_from_another(
    transport: Transport,
) -> None:
    stuck: list[str] = []

    async def hold(job_id: str) -> None:
        stuck.append(job_id)
        await release.wait()

    release, quick = asyncio.Event(), Receiver(slots=100)
    await transport.ring(bells(40))
    task = asyncio.create_task(transport.receive(QUEUE, lambda: 30, hold, lambda: True))
    await eventually(lambda: len(stuck) == 30)
    async with quick.on(transport):
        await eventually(lambda: len(quick.delivered) == 10)
    release.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted([*stuck, *quick.delivered]) == [each.job_id for each in bells(40)]


async def test_receivers_share_a_queue_without_doubles(transport: Transport) -> None:
    first, second = Receiver(slots=500), Receiver(slots=500)
    async with first.on(transport), second.on(transport):
        for start in range(0, 300, 50):
            await transport.ring(bells(300)[start : start + 50])
        await eventually(lambda: len(first.delivered) + len(second.delivered) == 300)
    assert sorted([*first.delivered, *second.delivered]) == [each.job_id for each in bells(300)]
