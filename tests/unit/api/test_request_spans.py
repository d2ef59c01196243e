"""Whose requests have a span: nobody decides it who has shown no key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pedidos_common.domain.api_keys import Scope, key_of
from pedidos_common.domain.runs import Run
from pedidos_common.testing.in_memory_tracing import InMemoryTracing
from tests.unit.api.world import Client, World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
START = "/pedidos/generate?quantity=5"


@pytest.fixture
def tracing(world: World) -> InMemoryTracing:
    tracing = InMemoryTracing()
    world.deps = replace(world.deps, tracing=tracing)
    return tracing


@pytest.fixture
async def guarded(
    world: World,
    tracing: InMemoryTracing,
    tmp_path: Path,
) -> AsyncIterator[Client]:
    lines = (key_of("look", Scope.READ, b"look").line, key_of("shop", Scope.OPERATE, b"shop").line)
    file = tmp_path / "keys"
    file.write_text("\n".join(lines))
    app = world.app(api_keys_file=file)
    async with world.client_of(app, headers=TRACED) as client:
        yield client


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/docs", "/", "/page/main.js"])
async def test_what_needs_no_key_is_not_recorded(
    guarded: Client, tracing: InMemoryTracing, path: str
) -> None:
    answer = await guarded.get(path)
    assert (answer.status_code, answer.headers["x-trace-id"]) == (200, TRACE)
    assert tracing.spans == []


@pytest.mark.parametrize(("key", "status"), [("", 401), ("other", 401), ("look", 403)])
async def test_who_may_not_is_not_recorded(
    guarded: Client, tracing: InMemoryTracing, key: str, status: int
) -> None:
    answer = await guarded.post(START, headers={"x-api-key": key})
    assert (answer.status_code, answer.headers["x-trace-id"]) == (status, TRACE)
    assert tracing.spans == []


async def test_who_has_a_key_is_recorded_as_asked(
    guarded: Client, tracing: InMemoryTracing
) -> None:
    assert (await guarded.post(START, headers={"x-api-key": "shop"})).status_code == 202
    (span,) = tracing.spans
    assert span.title == "POST /pedidos/generate"
    assert (span.place.own.trace_id, span.place.parent_id) == (TRACE, "00f067aa0ba902b7")
    assert (span.attributes["http.response.status_code"], span.error) == (202, None)
    unsampled = {"x-api-key": "shop", "traceparent": TRACED["traceparent"][:-1] + "0"}
    await guarded.post("/pedidos/queue/pause", headers=unsampled)
    assert len(tracing.spans) == 1


async def test_an_error_that_is_answered_further_out_is_noted(
    world: World, guarded: Client, tracing: InMemoryTracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> Run | None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.runs, "active", broken)
    answer = await guarded.post(START, headers={"x-api-key": "shop"})
    assert answer.status_code == 500
    (span,) = tracing.spans
    assert span.title == "POST /pedidos/generate"
    assert span.attributes["http.response.status_code"] == 500
    assert span.error
