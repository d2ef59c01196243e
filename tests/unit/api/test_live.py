"""One broadcaster for all watchers, and the stream that it feeds."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from typing import Any

import pytest

from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_orchestrator.api.live import BroadcastEnded, Mailbox, StatusBroadcast
from pedidos_orchestrator.api.stream import StatusStream
from pedidos_orchestrator.problems import ProblemError

SHORTEST_GAP = 0.25


class Source:
    """A state that a test changes, and how often it was read."""

    def __init__(self) -> None:
        self.state = b"0"
        self.reads = 0
        self.failure: Exception | None = None

    async def read(self) -> bytes:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return self.state


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def events() -> InMemoryEvents:
    return InMemoryEvents()


@pytest.fixture
def broadcast(source: Source, events: InMemoryEvents) -> StatusBroadcast:
    return StatusBroadcast(source.read, events, max_watchers=3)


async def test_a_watcher_gets_the_present_state_and_then_changes(
    broadcast: StatusBroadcast, source: Source, events: InMemoryEvents
) -> None:
    with broadcast.watch() as mailbox:
        assert await mailbox.take(5) == b"0"
        source.state = b"1"
        await events.publish("status")
        assert await mailbox.take(5) == b"1"
        assert await mailbox.take(0.01) is None


async def test_a_late_watcher_gets_the_present_state_without_a_read(
    broadcast: StatusBroadcast, source: Source
) -> None:
    with broadcast.watch() as early:
        await early.take(5)
        reads = source.reads
        with broadcast.watch() as late:
            assert await late.take(0.1) == b"0"
        assert source.reads == reads


async def test_many_watchers_cost_one_read_and_nobody_none(
    broadcast: StatusBroadcast, source: Source
) -> None:
    assert source.reads == 0
    with ExitStack() as stack:
        boxes = [stack.enter_context(broadcast.watch()) for _ in range(3)]
        assert [await box.take(5) for box in boxes] == [b"0"] * 3
        assert source.reads == 1
    assert broadcast.watchers == 0


async def test_calls_never_make_more_than_four_reads_a_second(
    broadcast: StatusBroadcast, source: Source, events: InMemoryEvents
) -> None:
    with broadcast.watch() as mailbox:
        await mailbox.take(5)
        started = time.monotonic()
        for _ in range(100):
            await events.publish("status")
            await asyncio.sleep(0.005)
        assert source.reads <= 2 + (time.monotonic() - started) / SHORTEST_GAP


async def test_a_slow_watcher_gets_the_newest_state() -> None:
    mailbox = Mailbox()
    for state in (b"1", b"2", b"3"):
        mailbox.put(state)
    assert await mailbox.take(1) == b"3"
    assert await mailbox.take(0.01) is None


async def test_watchers_are_bounded(broadcast: StatusBroadcast) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(broadcast.watch())
        with pytest.raises(ProblemError, match="watch already"), broadcast.watch():
            pass
    with broadcast.watch():
        assert broadcast.watchers == 1


async def test_a_failed_read_is_survived(broadcast: StatusBroadcast, source: Source) -> None:
    source.failure = OSError("gone")
    with broadcast.watch() as mailbox:
        await eventually(lambda: source.reads > 0)
        source.failure = None
        assert await mailbox.take(5) == b"0"


async def test_the_end_reaches_every_watcher(broadcast: StatusBroadcast) -> None:
    with broadcast.watch() as mailbox:
        broadcast.end()
        with pytest.raises(BroadcastEnded):
            await mailbox.take(5)
    with pytest.raises(ProblemError), broadcast.watch():
        pass


async def _run(stream: StatusStream, sent: list[dict[str, Any]], gone: asyncio.Event) -> None:
    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    await stream(scope, receive, send)


def _text(sent: list[dict[str, Any]]) -> str:
    return b"".join(message.get("body", b"") for message in sent).decode()


async def test_the_stream_sends_states_and_heartbeats_until_the_client_goes(
    broadcast: StatusBroadcast, source: Source
) -> None:
    source.state = json.dumps({"phase": "IDLE"}).encode()
    sent: list[dict[str, Any]] = []
    gone = asyncio.Event()
    running = asyncio.create_task(_run(StatusStream(broadcast, 0.02), sent, gone))
    await eventually(lambda: ": ping" in _text(sent))
    assert 'event: status\ndata: {"phase": "IDLE"}\n\n' in _text(sent)
    gone.set()
    await asyncio.wait_for(running, 5)
    assert broadcast.watchers == 0


async def test_the_stream_ends_with_the_process(broadcast: StatusBroadcast) -> None:
    sent: list[dict[str, Any]] = []
    running = asyncio.create_task(_run(StatusStream(broadcast, 5.0), sent, asyncio.Event()))
    await eventually(lambda: broadcast.watchers == 1)
    broadcast.end()
    await asyncio.wait_for(running, 5)
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
