"""Waiting for servers at start."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from pedidos_common.runtime import waiting
from pedidos_common.runtime.waiting import until_reachable
from pedidos_common.testing.eventually import eventually


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "CHECK_SECONDS", 0.05)


async def test_each_failure_is_one_line_that_says_what_to_do() -> None:
    calls = 0

    async def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ConnectionRefusedError("mongodb://u:hunter2@db refused")
        if calls == 2:
            await asyncio.sleep(60)

    with capture_logs() as lines:
        assert await until_reachable("MongoDB", "mongodb://u:hunter2@db", check, "MONGO_URI")
    refused, silent, reached = lines
    assert refused["event"] == "server_not_reached"
    assert refused["message"] == (
        "MongoDB at mongodb://u:***@db does not answer; trying again in 0.01 s. "
        "Start it, or set MONGO_URI to where it is."
    )
    assert "refused" in refused["reason"]
    assert "hunter2" not in str(lines)
    assert "no answer within" in silent["reason"]
    assert (reached["event"], reached["attempts"]) == ("server_reached", 3)


async def test_shutdown_ends_an_attempt_that_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "CHECK_SECONDS", 60.0)
    stop, asked, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def check() -> None:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with capture_logs() as lines:
        task = asyncio.create_task(until_reachable("Redis", "redis://h", check, "REDIS_URL", stop))
        await asked.wait()
        stop.set()
        assert await asyncio.wait_for(task, 5) is False
    assert ended.is_set()
    assert lines == [], "it was not the server's fault"


async def test_shutdown_ends_the_wait_and_stays_requested() -> None:
    stop, calls = asyncio.Event(), 0

    async def check() -> None:
        nonlocal calls
        calls += 1
        raise OSError("away")

    task = asyncio.create_task(until_reachable("Redis", "redis://h", check, "REDIS_URL", stop))
    await eventually(lambda: calls >= 2)
    stop.set()
    assert await asyncio.wait_for(task, 5) is False
    assert stop.is_set()


async def test_after_a_long_outage_it_is_noticed_within_a_second() -> None:
    calls = 0

    async def check() -> None:
        nonlocal calls
        calls += 1
        if calls <= 9:
            raise ConnectionRefusedError("refused")

    with capture_logs() as lines:
        task = asyncio.create_task(until_reachable("Redis", "redis://h", check, "REDIS_URL"))
        await eventually(lambda: calls >= 8)
        task.cancel()
    said = [float(line["message"].split("again in ")[1].split(" s.")[0]) for line in lines]
    assert max(said) <= 1.0
