"""A service as its own process, started as a container starts it: `python -m pedidos_<name>`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx

from tests.servers import free_port, mongod_command

SERVICES = ("orchestrator", "generator", "worker")
NOBODY = "127.0.0.1:1"
START_SECONDS = 60.0
REPOSITORY = Path(__file__).parents[2]
# what the surroundings of the tests may have set
OWN = ("MONGO_DB", "API_KEY", "HOST", "LOG_DIR", "LOG_LEVEL", "SECRETS_DIR", "ORDER_HANDLER")


def environment(**own: str) -> dict[str, str]:
    """Addresses where nobody listens and free ports, but for what is given."""
    passed_on = {name: value for name, value in os.environ.items() if name not in OWN}
    nowhere = {"MONGO_URI": f"mongodb://{NOBODY}/", "REDIS_URL": f"redis://{NOBODY}/0"}
    any_port = {"PORT": "0", "METRICS_PORT": "0"}
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    return {**passed_on, **nowhere, **any_port, "PYTHONPATH": path, **own}


def refused(service: str, **own: str) -> str:
    """Start a service that can't start: it ends with status 2; what it said."""
    ended = subprocess.run(
        [sys.executable, "-m", f"pedidos_{service}"],
        env=environment(**own),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 2, said
    assert ended.stderr.startswith("Can't start"), said
    assert "Traceback" not in said, said
    return said


def patiently(condition: Callable[[], Any], seconds: float = START_SECONDS) -> Any:
    """The first truthy value of `condition`."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            if found := condition():
                return found
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.05)


def each(services: Sequence[ServiceProcess], look: Callable[[ServiceProcess], None]) -> None:
    """Look at all of them side by side; fails with the first that is not as it should be."""
    with ThreadPoolExecutor(len(services)) as pool:
        list(pool.map(look, services))


class ServiceProcess:
    """A running service, what it logged, and its probes.

    `module` is one of the tests that starts it in another way.
    """

    def __init__(
        self, service: str, folder: Path, environ: Mapping[str, str], module: str = ""
    ) -> None:
        self.service = service
        self._output = folder / f"{service}.log"
        self._port_file = folder / f"{service}.port"
        called = [module, service] if module else [f"pedidos_{service}"]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *called],
                env={**environ, "PORT_FILE": str(self._port_file)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        """Everything on standard output and standard error."""
        return self._output.read_text("utf-8", "replace")

    def lines(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The log lines of an event that have these fields."""
        found = []
        # the last line may be half written
        for text in self.said().splitlines(keepends=True):
            if text.startswith("{") and text.endswith("\n"):
                line = json.loads(text)
                if line["event"] == event and fields.items() <= line.items():
                    found.append(line)
        return found

    def await_line(self, event: str, **fields: object) -> dict[str, Any]:
        """The first such line, once there is one."""
        found: dict[str, Any] = patiently(lambda: self.lines(event, **fields))[0]
        return found

    def get(self, path: str) -> httpx.Response:
        """What its HTTP server answers."""
        assert self.process.poll() is None, self.said()
        port = patiently(lambda: self._port_file.exists() and self._port_file.read_text().strip())
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10.0, trust_env=False)

    def await_status(self, path: str, status: int) -> httpx.Response:
        """Its answer, once it has this status."""
        seen: list[httpx.Response] = []

        def answers() -> bool:
            seen[:] = [self.get(path)]
            return seen[0].status_code == status

        patiently(answers)
        return seen[0]

    def stop(self, within_seconds: float) -> int:
        """SIGTERM; its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def started(
    folder: Path,
    environ: Mapping[str, str],
    services: tuple[str, ...] = SERVICES,
    module: str = "",
) -> Iterator[list[ServiceProcess]]:
    """These services, side by side; what still runs at the end is killed."""
    running = [ServiceProcess(service, folder, environ, module) for service in services]
    try:
        yield running
    finally:
        for one in running:
            one.kill()


class OwnMongo:
    """A MongoDB of one test alone, that is there from `start()` on."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.uri = f"mongodb://127.0.0.1:{self.port}/"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def start(self) -> None:
        """Start it; returns at once."""
        data = self._folder / "mongo"
        data.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            mongod_command(data, self.port), stdout=subprocess.DEVNULL, cwd=data
        )
