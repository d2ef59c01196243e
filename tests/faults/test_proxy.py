"""The proxy of the network faults does what it says, by plain sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.proxy import HOST, Condition, Link, Proxy, Way

SHORT = 0.3
REPLY = b"x" * 1_000


class Echo:
    """A server that answers each byte with `REPLY`; `heard` counts the bytes."""

    def __init__(self) -> None:
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        self.heard = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                threading.Thread(target=self._answer, args=[accepted], daemon=True).start()

    def _answer(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            while asked := accepted.recv(100):
                self.heard += len(asked)
                accepted.sendall(REPLY * len(asked))


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    with Proxy() as proxy:
        yield proxy.link(echo.port)


@contextlib.contextmanager
def connected(link: Link, seconds: float = 5.0) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, link.port), timeout=seconds) as client:
        yield client


def ask(client: socket.socket) -> int:
    """Send one byte; how many came back before the end of it."""
    client.sendall(b"?")
    return read(client)


def read(client: socket.socket) -> int:
    found = 0
    while found < len(REPLY):
        piece = client.recv(len(REPLY))
        if not piece:
            break
        found += len(piece)
    return found


def test_bytes_pass_both_ways(link: Link) -> None:
    with connected(link) as client:
        assert [ask(client), ask(client)] == [len(REPLY)] * 2


def test_a_cut_resets_what_is_there_refuses_what_is_new_and_heals(link: Link) -> None:
    with connected(link) as client:
        ask(client)
        link.become(Condition(Way.CUT))
        with pytest.raises(ConnectionResetError):
            ask(client)
    with pytest.raises(ConnectionRefusedError), connected(link):
        pass
    link.heal()
    with connected(link) as client:
        assert ask(client) == len(REPLY)


def test_what_is_swallowed_is_lost_and_its_connections_stay_dead(link: Link, echo: Echo) -> None:
    with connected(link, SHORT) as before:
        ask(before)
        link.become(Condition(Way.SWALLOW))
        with pytest.raises(TimeoutError):
            ask(before)
        with connected(link, SHORT) as during, pytest.raises(TimeoutError):
            ask(during)
        link.heal()
        with pytest.raises(TimeoutError):
            ask(before)
    with connected(link) as after:
        assert ask(after) == len(REPLY)
    assert echo.heard == 2


def test_what_is_held_up_arrives_at_the_end(link: Link) -> None:
    with connected(link, SHORT) as client:
        link.become(Condition(Way.HOLD))
        with pytest.raises(TimeoutError):
            ask(client)
        link.heal()
        client.settimeout(5.0)
        assert read(client) == len(REPLY)


def test_a_hold_up_may_begin_with_a_request(link: Link) -> None:
    with connected(link, SHORT) as client:
        link.become(Condition(Way.HOLD, at_request=(b"!",)))
        assert ask(client) == len(REPLY)
        client.sendall(b"!")
        with pytest.raises(TimeoutError):
            read(client)
        link.heal()
        client.settimeout(5.0)
        assert read(client) == len(REPLY)


def test_a_delay_is_one_each_way(link: Link) -> None:
    with connected(link) as client:
        link.become(Condition(delay_seconds=0.2))
        started = time.monotonic()
        assert ask(client) == len(REPLY)
        assert time.monotonic() - started >= 0.4


def test_a_reply_is_torn_after_so_many_bytes(link: Link) -> None:
    with connected(link) as client:
        ask(client)
        link.become(Condition(Way.TEAR, reply_bytes=1_200))
        assert ask(client) == len(REPLY)
        client.sendall(b"?")
        assert sum(iter(lambda: _received(client), 0)) == 200


def _received(client: socket.socket) -> int:
    """How many bytes came; none once the connection was reset, which it must be."""
    try:
        piece = client.recv(len(REPLY))
    except ConnectionResetError:
        return 0
    assert piece, "it was closed, not reset"
    return len(piece)
