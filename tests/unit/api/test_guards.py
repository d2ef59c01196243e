"""The API key, the bound on bodies, and traces."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from pedidos_common.domain.tracing import TraceContext, parse_traceparent
from pedidos_orchestrator.tracing import trace_of
from tests.unit.api.world import Client, World

KEY = "correct horse"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def guarded(world: World) -> AsyncIterator[Client]:
    async with world.client_of(world.app(api_key=KEY)) as client:
        yield client


@pytest.mark.parametrize("path", ["/pedidos", "/pedidos/orders", "/pedidos/stream", "/nowhere"])
async def test_without_the_key_nothing_is_shown(guarded: Client, path: str) -> None:
    for key in (b"", b"wrong", b"correct horse ", "ação".encode()):
        answer = await guarded.get(path, headers=[(b"x-api-key", key)])
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert "x-api-key" in answer.json()["detail"]


async def test_without_the_key_nothing_changes(world: World, guarded: Client) -> None:
    assert (await guarded.post("/pedidos/generate?quantity=5")).status_code == 401
    assert await world.runs.active() is None


async def test_with_the_key_everything_works(guarded: Client) -> None:
    headers = {"x-api-key": KEY}
    assert (await guarded.get("/pedidos", headers=headers)).status_code == 200
    start = await guarded.post("/pedidos/generate?quantity=5", headers=headers)
    assert start.status_code == 202


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
async def test_probes_and_description_are_open(guarded: Client, path: str) -> None:
    assert (await guarded.get(path)).status_code == 200


async def test_a_large_body_is_refused_by_its_length(client: Client) -> None:
    answer = await client.post("/pedidos/customers/erase", content=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json()["detail"]


@pytest.mark.parametrize("length", ["9" * 30, "9" * 5_000, "0" * 20 + "9999999"])
async def test_a_stated_length_counts_with_all_its_digits(client: Client, length: str) -> None:
    headers = {"content-length": length, "content-type": "application/json"}
    answer = await client.post("/pedidos/customers/erase", content=b"{}", headers=headers)
    assert answer.status_code == 413


async def test_a_large_body_is_refused_though_it_hides_its_length(client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    headers = {"content-type": "application/json"}
    answer = await client.post("/pedidos/customers/erase", content=pieces(), headers=headers)
    assert answer.status_code == 413


async def test_a_chunked_body_within_the_bound_is_read(client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"cliente": '
        yield b'"Ana"}'

    headers = {"content-type": "application/json"}
    answer = await client.post("/pedidos/customers/erase", content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()) == (
        200,
        {"orders": 0, "checkouts": 0, "placedOrders": 0},
    )


def trace_of_request(header: str | None) -> TraceContext:
    headers = [] if header is None else [(b"traceparent", header.encode())]
    return trace_of({"type": "http", "method": "POST", "headers": headers})


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        "0" * 10_000,
    ],
)
def test_a_wrong_traceparent_begins_a_new_trace(header: str | None) -> None:
    assert parse_traceparent(header) is None
    trace = trace_of_request(header)
    assert trace.trace_id != TRACE
    assert parse_traceparent(trace.traceparent) == trace


@pytest.mark.parametrize("flags", ["00", "01", "03"])
def test_a_traceparent_is_carried_on(flags: str) -> None:
    trace = trace_of_request(f"00-{TRACE}-00f067aa0ba902b7-{flags}")
    assert (trace.trace_id, trace.sampled) == (TRACE, flags != "00")
    assert trace.span_id != "00f067aa0ba902b7"


async def test_log_lines_of_a_request_carry_its_trace_id(world: World) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("broken")

    world.ledger.get = fail  # type: ignore[method-assign, assignment]
    with capture_logs([merge_contextvars]) as lines:
        async with world.client_of(world.app()) as client:
            headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            answer = await client.get("/pedidos/queue/jobs/x", headers=headers)
    assert answer.json()["traceId"] == TRACE
    assert [line["traceId"] for line in lines if line["event"] == "request_failed"] == [TRACE]


async def test_a_wrong_method_is_told_all_that_are_right(world: World) -> None:
    async with world.client_of(world.app()) as client:
        answer = await client.options("/api/reconciliations")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
