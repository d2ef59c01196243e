"""A server that hangs keeps no reader for long."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from pedidos_common.testing.eventually import eventually
from pedidos_orchestrator.http.read_limit import ReadLimit
from tests.unit.api.test_exports import HeldOrders
from tests.unit.api.world import World

RUN = "01934f1e-7c00-8a1b-8c3d-4e0000000000"
SHORT = 0.05


async def _hang(*_: Any, **__: Any) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize("path", ["/pedidos", f"/pedidos/runs/{RUN}", "/pedidos/health/queue"])
async def test_a_read_of_a_store_that_hangs_is_503(
    world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.client_of(world.app(read_seconds=SHORT)) as client:
        with monkeypatch.context() as hanging:
            hanging.setattr(world.runs, "current", _hang)
            hanging.setattr(world.runs, "get", _hang)
            answer = await client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert answer.json()["type"] == "/problems/unavailable"

        async def is_read_again() -> bool:
            return (await client.get(path)).status_code == (404 if RUN in path else 200)

        await eventually(is_read_again)


async def test_a_filter_that_has_to_scan_may_take_longer(world: World) -> None:
    held = asyncio.Event()
    page = world.orders.page

    async def slow(*wanted: Any) -> Any:
        await held.wait()
        return await page(*wanted)

    world.orders.page = slow  # type: ignore[method-assign, assignment]
    async with world.client_of(world.app(read_seconds=SHORT)) as client:
        listing = asyncio.create_task(client.get("/pedidos/orders"))
        world.runs.get = _hang  # type: ignore[method-assign]
        assert (await client.get(f"/pedidos/runs/{RUN}")).status_code == 503, "time has passed"
        held.set()
        assert (await listing).status_code == 200


async def test_an_export_that_has_begun_takes_its_time(world: World) -> None:
    held = HeldOrders(world)
    world.deps = replace(world.deps, orders=held)
    async with world.client_of(world.app(read_seconds=SHORT)) as client:
        run = await world.started(client)
        export = asyncio.create_task(client.get(f"/pedidos/runs/{run.scope}/export"))
        await eventually(lambda: held.reading == 1)
        world.runs.get = _hang  # type: ignore[method-assign]
        assert (await client.get(f"/pedidos/runs/{RUN}")).status_code == 503, "time has passed"
        held.let_go.set()
        assert (await export).status_code == 200


async def test_an_answer_that_begins_as_time_runs_out_is_the_answer() -> None:
    async def late(_scope: Scope, _receive: Receive, send: Send) -> None:
        with suppress(asyncio.CancelledError):  # as a wait whose result came in that moment
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    await ReadLimit(late, SHORT, {})(scope, receive, send)
    assert [message["status"] for message in sent] == [200]
