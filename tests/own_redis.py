"""A Redis of one test alone, that it may kill and start again."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from typing import Self

from tests.servers import free_port, redis_command

START_SECONDS = 20.0


class OwnRedis:
    """Started on entry and killed on exit; `start` returns when it answers."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def start(self) -> None:
        self._process = subprocess.Popen(redis_command(self.port), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """As `kill`, but it is asked to."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_SECONDS)
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send the server a signal; it must be running."""
        assert self._process is not None
        self._process.send_signal(number)
