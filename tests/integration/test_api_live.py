"""Live streams over real sockets: states, heartbeats, the key, and an end that does not hang."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pedidos_common.testing.eventually import eventually
from pedidos_orchestrator.deps import Deps
from tests.integration.api_server import Served, app_on, real_deps, served


@pytest.fixture
async def deps(request: pytest.FixtureRequest) -> AsyncIterator[Deps]:
    async with real_deps(request) as found:
        yield found


@pytest.fixture
async def api(deps: Deps) -> AsyncIterator[Served]:
    async with served(app_on(deps)) as found:
        yield found


async def _states(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    async for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_a_stream_shows_the_present_state_and_then_a_start(api: Served) -> None:
    async with (
        httpx.AsyncClient(base_url=api.url, timeout=10) as client,
        client.stream("GET", "/pedidos/stream") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        states = _states(stream.aiter_lines())
        assert (await anext(states))["phase"] == "IDLE"
        await client.post("/pedidos/generate?quantity=5")
        state = await asyncio.wait_for(anext(states), 5)
        assert (state["phase"], state["progress"]["target"]) == ("GENERATING", 5)


async def test_a_silent_stream_has_a_heartbeat(api: Served) -> None:
    async with (
        httpx.AsyncClient(base_url=api.url, timeout=10) as client,
        client.stream("GET", "/pedidos/stream") as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith(":"):
                return


async def test_a_websocket_gets_the_same_objects(api: Served) -> None:
    async with connect(api.url.replace("http", "ws") + "/pedidos/ws") as socket:
        assert json.loads(await socket.recv())["phase"] == "IDLE"
        async with httpx.AsyncClient(base_url=api.url) as client:
            await client.post("/pedidos/queue/pause")
            pulled = (await client.get("/pedidos")).json()
        await socket.send("whatever a client says is ignored")
        assert json.loads(await asyncio.wait_for(socket.recv(), 5)) == pulled


async def test_a_watcher_that_leaves_is_forgotten(api: Served) -> None:
    broadcast = api.app.state.context.broadcast
    async with connect(api.url.replace("http", "ws") + "/pedidos/ws") as socket:
        await socket.recv()
        async with (
            httpx.AsyncClient(base_url=api.url) as client,
            client.stream("GET", "/pedidos/stream"),
        ):
            await eventually(lambda: broadcast.watchers == 2)
    await eventually(lambda: broadcast.watchers == 0)


async def test_a_shutdown_ends_streams_at_once(api: Served) -> None:
    async with (
        connect(api.url.replace("http", "ws") + "/pedidos/ws") as socket,
        httpx.AsyncClient(base_url=api.url, timeout=10) as client,
        client.stream("GET", "/pedidos/stream") as stream,
    ):
        states = _states(stream.aiter_lines())
        await anext(states)
        await socket.recv()
        await api.stop(within_seconds=5)
        assert [state async for state in states] == []
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_too_many_watchers_are_told_so(deps: Deps) -> None:
    async with served(app_on(deps, max_watchers=1)) as api:
        address = api.url.replace("http", "ws") + "/pedidos/ws"
        async with connect(address) as socket, httpx.AsyncClient(base_url=api.url) as client:
            await socket.recv()
            refused = await client.get("/pedidos/stream")
            assert refused.status_code == 503
            assert refused.headers["content-type"] == "application/problem+json"
            with pytest.raises(InvalidStatus) as denied:
                async with connect(address):
                    pass
            assert denied.value.response.status_code == 503


async def test_a_websocket_without_the_key_is_refused(deps: Deps) -> None:
    async with served(app_on(deps, api_key="k")) as api:
        address = api.url.replace("http", "ws") + "/pedidos/ws"
        with pytest.raises(InvalidStatus) as denied:
            async with connect(address):
                pass
        assert denied.value.response.status_code == 401
        async with connect(address, additional_headers={"x-api-key": "k"}) as socket:
            assert json.loads(await socket.recv())["phase"] == "IDLE"


async def test_a_refused_websocket_is_no_error_of_the_service(
    deps: Deps, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(app_on(deps, api_key="k")) as api:
        with pytest.raises(InvalidStatus):
            async with connect(api.url.replace("http", "ws") + "/pedidos/ws"):
                pass
    # the server has ended, and with it whatever it had to say
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
