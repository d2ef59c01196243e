"""A head of a request that is too large or too slow is refused, whoever sends it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from pedidos_common.runtime.listening import listening_socket
from pedidos_common.testing.eventually import eventually
from pedidos_orchestrator import bounded_http
from pedidos_orchestrator.bounded_http import LARGEST_HEAD_BYTES, LONGEST_TARGET_BYTES, MOST_HEADERS
from pedidos_orchestrator.server import LiveServer, config_of

SECONDS = 10.0
LARGE = b"x" * 16 * 1024 * 1024


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the size of the body, to `/early` without it, to `/large` with much."""
    if scope["type"] == "websocket":
        watcher = WebSocket(scope, receive, send)
        await watcher.accept()
        await watcher.send_text(await watcher.receive_text())
        return
    if scope["path"] == "/large":
        await PlainTextResponse(LARGE)(scope, receive, send)
        return
    body = b"" if scope["path"] == "/early" else await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


@pytest.fixture
async def server() -> AsyncIterator[LiveServer]:
    listening = listening_socket("127.0.0.1", 0, "PORT")
    config = config_of(echo)
    config.lifespan = "off"
    server = LiveServer(config, lambda: None)
    serving = asyncio.create_task(server.serve([listening]))
    await eventually(lambda: server.started)
    yield server
    server.should_exit = server.force_exit = True
    await serving


@pytest.fixture
def port(server: LiveServer) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


async def ask(port: int, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer, up to the connection's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        return parsed(await asyncio.wait_for(reader.read(), SECONDS))
    finally:
        writer.close()


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    return int(first.split()[1]), dict(field.split(": ", 1) for field in fields), body


def request(target: bytes = b"/", *fields: bytes, body: bytes = b"") -> bytes:
    lines = (b"POST %s HTTP/1.1" % target, b"host: h", b"connection: close", *fields)
    return b"\r\n".join(lines) + b"\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


FINE = b"x: " + b"y" * 20_000


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(), 200),
        (request(b"/" + b"a" * 8_000, FINE, body=b"z" * 300_000), 200),
        (request(b"/" + b"a" * LONGEST_TARGET_BYTES), 414),
        (request(b"/?" + b"a" * LONGEST_TARGET_BYTES), 414),
        (request(b"/", FINE, FINE), 431),
        (request(b"/", b"x: " + b"y" * LARGEST_HEAD_BYTES), 431),
        (request(b"/", *(b"x%d: y" % number for number in range(MOST_HEADERS))), 431),
        (b"nonsense\r\n\r\n", 400),
    ],
    ids=["small", "within", "path", "query", "together", "one", "many", "nonsense"],
)
async def test_heads_are_bounded(port: int, asked: bytes, status: int) -> None:
    found, headers, body = await ask(port, asked)
    assert found == status
    assert "server" not in headers
    if status >= 400:
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["status"] == status


ENDLESS = b"y" * 65_536
CHUNKED = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (b"POST /", b"414"),
        (b"POST / HTTP/1.1\r\nx: ", b"431"),
        (b"POST / HTTP/1.1\r\n", b"431"),
        (CHUNKED + b"1;", b""),
        (CHUNKED + b"0\r\nx: ", b""),
    ],
    ids=["target", "value", "name", "chunk extension", "trailer"],
)
async def test_what_never_ends_is_cut_off(port: int, begin: bytes, said: bytes) -> None:
    """Inside a body the application has the word, and the connection just ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    writer.write(begin)
    try:
        while sent < 100 * len(ENDLESS):
            writer.write(ENDLESS)
            sent += len(ENDLESS)
            await asyncio.wait_for(writer.drain(), SECONDS)
    except ConnectionError:
        pass
    finally:
        writer.close()
    assert sent < 100 * len(ENDLESS)
    if said and not reader.exception():
        assert said in await reader.read(64)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: h\r\n"])
async def test_a_head_that_does_not_end_is_given_up(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    answer = await asyncio.wait_for(reader.read(), SECONDS)
    writer.close()
    assert (parsed(answer)[0] if answer else None) == (408 if begun else None)


async def test_a_body_may_take_longer_than_a_head(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(body=b"ab")[:-1])
    await asyncio.sleep(0.2)  # it is this time itself that must do no harm
    writer.write(b"b")
    assert parsed(await asyncio.wait_for(reader.read(), SECONDS))[2] == b"2 bytes"
    writer.close()


async def test_requests_on_one_connection_are_bounded_one_by_one(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    one = b"GET / HTTP/1.1\r\nhost: h\r\n%s\r\n\r\n" % FINE
    answers: list[Any] = []
    for _ in range(5):
        writer.write(one)
        answers.append(await asyncio.wait_for(reader.readuntil(b"0 bytes"), SECONDS))
    writer.close()
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


@pytest.mark.parametrize("length", [1, 1_000_000], ids=["whole", "a part"])
async def test_a_body_that_comes_after_its_answer_holds_no_connection(
    port: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /early HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % length)
    await asyncio.wait_for(reader.readuntil(b"0 bytes"), SECONDS)
    writer.write(b"x")
    assert await asyncio.wait_for(reader.read(), SECONDS) == b""
    writer.close()


async def test_a_body_that_comes_whole_after_its_answer_leaves_the_connection_useful(
    port: int,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"POST /early HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"0 bytes"), SECONDS)
        writer.write(b"late")
    writer.close()


async def test_a_websocket_may_be_silent_for_longer_than_a_head(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.05)
    async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as watcher:
        await asyncio.sleep(0.2)  # it is this time itself that must do no harm
        await watcher.send("still here")
        assert await asyncio.wait_for(watcher.recv(), SECONDS) == "still here"


@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
async def test_who_reads_nothing_of_an_answer_is_cut_off(
    server: LiveServer, port: int, connection: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "READ_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nhost: h\r\nconnection: %s\r\n\r\n" % connection)
        await eventually(lambda: bool(server.server_state.connections))
        await eventually(lambda: not server.server_state.connections)


class SlowTransport(asyncio.Transport):
    """Holds so many bytes, and lets some go whenever it is asked how many."""

    def __init__(self, unsent: int) -> None:
        super().__init__()
        self.unsent, self.was_cut = unsent, False

    def get_write_buffer_size(self) -> int:
        self.unsent = max(self.unsent - 1, 0)
        return self.unsent

    def abort(self) -> None:
        self.was_cut = True


async def test_who_reads_slowly_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "READ_SECONDS", 0.001)
    http = bounded_http.BoundedHttp(config_of(echo), ServerState(), {})
    transport = SlowTransport(unsent=20)
    http.connection_made(transport)
    http.pause_writing()
    await eventually(lambda: transport.unsent == 0)
    http._wait_no_longer()
    assert not transport.was_cut
