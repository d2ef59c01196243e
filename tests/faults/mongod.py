"""A mongod of one test alone, on data that outlive it: killed, paused and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Self

import pymongo
from pymongo.errors import PyMongoError

from pedidos_cli.embedded import binaries
from tests.e2e.stack import until
from tests.servers import free_port

CACHE_GB = "0.25"
START_SECONDS = 60.0
ANSWER_MS = 1_000


class Mongod:
    """One node. Entering the context starts it, leaving it ends it by its process id.

    One that is `fallible` can be told to fail commands (`server_errors.failing`).
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        replica_set: str = "",
        *,
        fallible: bool = False,
    ) -> None:
        self.folder, self.port = folder, port or free_port()
        self._replica_set, self._fallible = replica_set, fallible
        self._process: subprocess.Popen[bytes] | None = None
        self.paused = False

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        """The address of this node alone."""
        return f"mongodb://{self.address}/?directConnection=true"

    @property
    def answering(self) -> bool:
        """Whether the process is there and not paused."""
        return self._process is not None and not self.paused

    def start(self) -> None:
        """Start the process on the data that are there; returns when it answers."""
        assert self._process is None, "it runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        until(self.hello, START_SECONDS)

    def _command(self) -> list[str]:
        binary = binaries.find("mongod", binaries.candidates("mongod"))
        command = [
            *(str(binary.path), "--dbpath", str(self.folder), "--bind_ip", "127.0.0.1"),
            *("--port", str(self.port), "--nounixsocket", "--quiet"),
            *("--wiredTigerCacheSizeGB", CACHE_GB),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]
        if self._fallible:
            command += ["--setParameter", "enableTestCommands=1"]
        if self._replica_set:
            command += ["--replSet", self._replica_set, "--oplogSize", "256"]
        return command

    def hello(self) -> dict[str, Any]:
        """What the node says of itself; nothing while it does not answer."""
        if not self.answering:
            return {}
        with self.client() as client, contextlib.suppress(PyMongoError):
            return dict(client.admin.command("hello"))
        return {}

    def client(self) -> pymongo.MongoClient[dict[str, Any]]:
        """A blocking client of this node alone, with short timeouts."""
        return pymongo.MongoClient(
            self.uri,
            serverSelectionTimeoutMS=ANSWER_MS,
            connectTimeoutMS=ANSWER_MS,
            socketTimeoutMS=10 * ANSWER_MS,
        )

    def kill(self) -> None:
        """`kill -9`; nothing happens where it is down."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process, self.paused = None, False

    def pause(self) -> None:
        """SIGSTOP: its connections stay and nothing answers."""
        self._signal(signal.SIGSTOP)
        self.paused = True

    def go_on(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)
        self.paused = False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        os.kill(self._process.pid, number)
