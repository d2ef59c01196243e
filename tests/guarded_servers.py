"""A MongoDB and a Redis that ask for TLS, a certificate of the client's own, and a password.

MongoDB ends TLS itself. Not every build of Redis or Valkey can, the one of the wheel among them,
so there a relay ends it, as `stunnel` would.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymongo
import redis
import trustme
from pymongo.errors import PyMongoError

from tests.own_redis import OwnRedis
from tests.servers import free_port, mongod_command

USER, MONGO_PASSWORD, REDIS_PASSWORD = "shop", "m@ngo/word", "r:dis@word"
HOST = "127.0.0.1"
START_SECONDS = 60.0
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Certificates:
    """Files of one authority: its own certificate, a server's, and a client's, with their keys."""

    authority: Path
    server: Path
    client: Path

    def context(self) -> ssl.SSLContext:
        """For a server that asks clients for certificates."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authority)
        context.load_cert_chain(self.server)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True)
class Guarded:
    """Where the servers are, and what they are reached by."""

    mongo_port: int
    redis_port: int
    certificates: Certificates

    def mongo_uri(self, authority: Path | None = None, password: str = MONGO_PASSWORD) -> str:
        """The whole address, or one with another authority or password."""
        trusted = authority or self.certificates.authority
        return (
            f"mongodb://{USER}:{quote(password, safe='')}@{HOST}:{self.mongo_port}/"
            f"?authSource=admin&tls=true&tlsCAFile={trusted}"
            f"&tlsCertificateKeyFile={self.certificates.client}"
        )

    def redis_url(self, authority: Path | None = None, password: str = REDIS_PASSWORD) -> str:
        """The same of Redis."""
        trusted, own = authority or self.certificates.authority, self.certificates.client
        return (
            f"rediss://:{quote(password, safe='')}@{HOST}:{self.redis_port}/0"
            f"?ssl_ca_certs={trusted}&ssl_certfile={own}&ssl_keyfile={own}"
        )


def issue(folder: Path) -> Certificates:
    """Certificates of a new authority, in files of that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    names = Certificates(folder / "ca.pem", folder / "server.pem", folder / "client.pem")
    authority.cert_pem.write_to_path(str(names.authority))
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(names.server))
    client = authority.issue_cert("shop@example.org")
    client.private_key_and_cert_chain_pem.write_to_path(str(names.client))
    return names


@contextlib.contextmanager
def guarded_servers(folder: Path) -> Iterator[Guarded]:
    """Both servers, until the end of the block."""
    certificates = issue(folder / "tls")
    with (
        _mongod(folder / "mongo", certificates) as mongo_port,
        OwnRedis() as cache,
        _relay(certificates.context(), cache.port) as redis_port,
    ):
        with contextlib.closing(redis.Redis.from_url(cache.url, socket_timeout=10)) as client:
            client.config_set("requirepass", REDIS_PASSWORD)
        yield Guarded(mongo_port, redis_port, certificates)


@contextlib.contextmanager
def _mongod(data: Path, certificates: Certificates) -> Iterator[int]:
    data.mkdir(parents=True)
    port = free_port()
    options = ["--auth", "--tlsMode", "requireTLS", "--tlsCAFile", str(certificates.authority)]
    options += ["--tlsCertificateKeyFile", str(certificates.server)]
    process = subprocess.Popen(
        [*mongod_command(data, port), *options], stdout=subprocess.DEVNULL, cwd=data
    )
    try:
        _create_user(port, certificates)
        yield port
    finally:
        process.kill()
        process.wait()


def _create_user(port: int, certificates: Certificates) -> None:
    """The first user may be made from the same machine by anybody."""
    deadline = time.monotonic() + START_SECONDS
    with pymongo.MongoClient[dict[str, Any]](
        f"mongodb://{HOST}:{port}/",
        tls=True,
        tlsCAFile=str(certificates.authority),
        tlsCertificateKeyFile=str(certificates.client),
        serverSelectionTimeoutMS=START_SECONDS * 1000,
    ) as client:
        while True:
            try:
                client.admin.command("createUser", USER, pwd=MONGO_PASSWORD, roles=["root"])
            except PyMongoError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return


@contextlib.contextmanager
def _relay(context: ssl.SSLContext, behind: int) -> Iterator[int]:
    """Ends TLS in a thread of its own, and passes everything on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    relay = _Relay(behind)
    try:
        started = asyncio.run_coroutine_threadsafe(relay.start(context), loop)
        yield started.result(START_SECONDS)
        asyncio.run_coroutine_threadsafe(relay.stop(), loop).result(START_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Relay:
    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, context: ssl.SSLContext) -> int:
        self._server = await asyncio.start_server(self._serve, HOST, 0, ssl=context)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        inner_reader, inner_writer = await asyncio.open_connection(HOST, self._behind)
        await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                writer.write(piece)
                await writer.drain()
    finally:
        writer.close()
