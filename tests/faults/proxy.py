"""A TCP proxy on loopback, whose links a test cuts, holds up, slows and resets while they are used.

Each link is one way of one process to one server. All links of a test share a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from tests.servers import free_port

HOST = "127.0.0.1"
PIECE = 65_536
CHANGE_SECONDS = 10.0
LET_THROUGH_SECONDS = 0.02


class Way(StrEnum):
    """What becomes of the bytes."""

    PASS = "passes"
    CUT = "is cut"  # connections are reset, and new ones refused
    SWALLOW = "swallows"  # connections stay and nothing comes through, not even afterwards
    HOLD = "holds up"  # the same, but what was sent meanwhile arrives at the end of it
    TEAR = "tears replies"  # every connection is reset in the middle of a reply


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of a link.

    Attributes:
        delay_seconds: how late bytes are, each way.
        reply_bytes: how many pass on a connection before it is reset.
        at_request: it begins with the first request that has all of these in it.
    """

    way: Way = Way.PASS
    delay_seconds: float = 0.0
    reply_bytes: int = 0
    at_request: tuple[bytes, ...] = ()


PASSING = Condition()


class Connection:
    """One client's connection, and the one to the server that answers it."""

    def __init__(self, link: Link, client: Ends) -> None:
        self._link, self._client = link, client
        self.is_lost = link.condition.way is Way.SWALLOW
        self.left = link.condition.reply_bytes

    async def carry(self) -> None:
        """Until one side ends it."""
        server = await _connected(self._link.target)
        ways = [
            asyncio.create_task(self._pass_on(self._client, server, is_reply=False)),
            asyncio.create_task(self._pass_on(server, self._client, is_reply=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (self._client, server):
                end.close()

    async def _pass_on(self, source: Ends, target: Ends, *, is_reply: bool) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        reading = asyncio.create_task(self._take(source, waiting))
        try:
            while True:
                due, piece = await waiting.get()
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                if not is_reply:
                    self._link.look_at(piece)
                await self._link.flowing.wait()
                if self.is_lost:
                    continue
                if not piece:
                    return
                await self._hand_on(piece, target, is_reply=is_reply)
        finally:
            reading.cancel()

    async def _take(self, source: Ends, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
        """Read to the end, of which an empty piece tells."""
        piece = b"-"
        while piece:
            piece = b""
            with contextlib.suppress(OSError):
                piece = await source.reader.read(PIECE)
            due = asyncio.get_running_loop().time() + self._link.condition.delay_seconds
            await waiting.put((due, piece))

    async def _hand_on(self, piece: bytes, target: Ends, *, is_reply: bool) -> None:
        through = len(piece)
        if is_reply and self._link.condition.way is Way.TEAR:
            through = min(through, self.left)
            self.left -= through
        target.writer.write(piece[:through])
        with contextlib.suppress(OSError):
            await target.writer.drain()
        if through < len(piece):
            await asyncio.sleep(LET_THROUGH_SECONDS)
            self.reset()

    def reset(self) -> None:
        """End the client's connection at once, by RST."""
        self._client.reset()


class Ends:
    """Reader and writer of one socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def close(self) -> None:
        """Drop it, with what could not be written."""
        self.writer.transport.abort()

    def reset(self) -> None:
        """As `close`, and the other side hears of it as of an error."""
        raw = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


async def _connected(port: int) -> Ends:
    return Ends(*await asyncio.open_connection(HOST, port))


class Link:
    """A port that leads to another one; `become` changes what happens on the way there.

    `at_rest` is how the link is when nothing is wrong with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int, at_rest: Condition) -> None:
        self._loop, self.target = loop, target
        self.at_rest = self.condition = at_rest
        self.port = free_port()
        self.flowing = asyncio.Event()
        self._awaited: Condition | None = None
        self._listener: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    def become(self, condition: Condition) -> None:
        """Change it for connections that are there and for new ones; from any thread."""
        changing = asyncio.run_coroutine_threadsafe(self._become(condition), self._loop)
        changing.result(CHANGE_SECONDS)

    def heal(self) -> None:
        """Let it be as at rest."""
        self.become(self.at_rest)

    def look_at(self, request: bytes) -> None:
        """Enter the condition that waited for such a request, if one did."""
        awaited = self._awaited
        if awaited is not None and all(part in request for part in awaited.at_request):
            self._awaited = None
            self._enter(replace(awaited, at_request=()))

    def _enter(self, condition: Condition) -> None:
        self.condition = condition
        for connection in self._connections:
            connection.left = condition.reply_bytes
            connection.is_lost |= condition.way is Way.SWALLOW
        self.flowing.clear() if condition.way is Way.HOLD else self.flowing.set()

    async def _become(self, condition: Condition) -> None:
        self._awaited = condition if condition.at_request else None
        if self._awaited is not None:
            return
        self._enter(condition)
        if condition.way is Way.CUT:
            self._refuse()
        elif self._listener is None:
            self._listener = await asyncio.start_server(self._serve, HOST, self.port)

    def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in self._connections:
            connection.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Ends(reader, writer)
        connection = Connection(self, client)
        serving = asyncio.create_task(connection.carry())
        self._connections[connection] = serving
        try:
            await asyncio.wait([serving])
            if not serving.cancelled() and serving.exception() is not None:
                client.reset()
        finally:
            del self._connections[connection]

    async def close(self) -> None:
        """Nothing listens any more, and no connection is left."""
        self._refuse()
        serving = list(self._connections.values())
        for one in serving:
            one.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


class Proxy:
    """Runs its links in a thread of its own while its context lasts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._links: list[Link] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(CHANGE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CHANGE_SECONDS)
        self._loop.close()

    async def _close(self) -> None:
        for link in self._links:
            await link.close()
        # what was aborted is closed by the next turn
        await asyncio.sleep(0.05)

    def link(self, port: int, at_rest: Condition = PASSING) -> Link:
        """A new way to that port."""
        link = Link(self._loop, port, at_rest)
        link.heal()
        self._links.append(link)
        return link
