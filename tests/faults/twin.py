"""A second orchestrator beside the one of `pedidos up`, so that another can lead."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Self

import httpx

from tests.e2e.stack import STOP_SECONDS, Stack, _environ, until
from tests.servers import free_port


class Twin:
    """Started on entry and killed on exit; `end` starts another in its place."""

    def __init__(self, stack: Stack, environ: Mapping[str, str]) -> None:
        port = free_port()
        self.name = f"orchestrator-twin-{port}"
        self._probe = f"http://127.0.0.1:{port}/readyz"
        addresses = {
            "MONGO_URI": stack.mongo_uri,
            "MONGO_DB": stack.database.name,
            "REDIS_URL": str(stack.document()["redis_url"]),
            "PROCESS_NAME": self.name,
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }
        self._environ = _environ(stack.folder, environ) | addresses
        self._log = stack.folder / "twin.log"
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._process.pid

    def await_ready(self) -> None:
        """Returns once it says that it is ready."""
        until(lambda: httpx.get(self._probe, trust_env=False, timeout=5.0).is_success, 60)

    def end(self, number: signal.Signals) -> None:
        """Send it the signal, wait until it is gone, start another."""
        self._end(number)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pedidos_orchestrator"]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=self._environ)

    def _end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(STOP_SECONDS)
