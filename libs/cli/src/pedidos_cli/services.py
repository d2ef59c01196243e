"""The command and the environment of each service of a local stack."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path

from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.free_ports import LOOPBACK, free_port, is_free
from pedidos_cli.http_probe import http_status
from pedidos_cli.processes import Launch, ProcessSpec

ALL = ("orchestrator", "generator", "worker")
STOP_SECONDS = 25.0
# on one machine, whoever waits for an answer goes before work that nobody waits for
BEHIND_ANSWERS = 15
PROBE_SECONDS = 2.0
# Each process gets its own, or they are given as addresses.
_NOT_PASSED_ON = frozenset(
    {
        *("HOST", "PORT", "METRICS_PORT", "PORT_FILE", "PROCESS_NAME"),
        *("REDIS_HOST", "REDIS_PORT", "REDIS_DB"),
        # traces tell the services apart by it
        "OTEL_SERVICE_NAME",
    }
)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What all services of a stack share; variables in `without` are not passed on to them."""

    environ: Mapping[str, str]
    mongo_uri: str
    redis_url: str
    database: str
    without: frozenset[str] = frozenset()

    def variables(self, role: str, index: int = 0) -> dict[str, str]:
        """The environment of a service: the caller's, with the stack's own addresses.

        The name stays the same over restarts, so a process knows what the one before it held;
        the supervisor's own id in it keeps two stacks on one database apart.
        """
        passed_on = {
            k: v for k, v in self.environ.items() if k not in _NOT_PASSED_ON | self.without
        }
        own = {
            "HOST": LOOPBACK,
            "PROCESS_NAME": f"{role}-{index}-{_host()}-{os.getpid()}",
            "MONGO_URI": self.mongo_uri,
            "MONGO_DB": self.database,
            "REDIS_URL": self.redis_url,
            "PYTHONUNBUFFERED": "1",
        }
        return passed_on | own


def _host() -> str:
    """This machine's name as far as it may stand in a process's name."""
    return re.sub(r"[^\w.-]", "_", socket.gethostname())[:60]


def check_installed(names: Iterable[str]) -> None:
    """That the services' packages are there to be started.

    Raises:
        CliError: naming the ones that are not.
    """
    missing = [f"pedidos_{name}" for name in names if find_spec(f"pedidos_{name}") is None]
    if missing:
        raise CliError(
            f"Not installed in {sys.executable}: {', '.join(missing)}. "
            "Run `make setup` and use .venv/bin/pedidos",
            ExitStatus.USAGE,
        )


def orchestrator(settings: ServiceSettings, port: int, log: Path) -> ProcessSpec:
    """The API on `port`."""
    base = f"http://{LOOPBACK}:{port}"

    def launch() -> Launch:
        environ = settings.variables("orchestrator") | {"PORT": str(port)}
        return Launch(command_of("orchestrator"), environ, probe(port), f"{base}/metrics")

    return ProcessSpec("orchestrator", 0, log, launch, STOP_SECONDS)


def pod(
    role: str, index: int, settings: ServiceSettings, log: Path, queue: str | None = None
) -> ProcessSpec:
    """A generator or a worker; its metrics port stays the same over restarts while it is free.

    With a `queue` it is a worker that serves only that one.
    """
    chosen: list[int] = []
    command = command_of("worker", "--queues", queue) if queue else command_of(role)

    def launch() -> Launch:
        if not chosen or not is_free(chosen[-1]):
            chosen.append(free_port(chosen))
        base = f"http://{LOOPBACK}:{chosen[-1]}"
        environ = settings.variables(role, index) | {"METRICS_PORT": str(chosen[-1])}
        return Launch(command, environ, probe(chosen[-1]), f"{base}/metrics")

    return ProcessSpec(role, index, log, launch, STOP_SECONDS, BEHIND_ANSWERS)


def command_of(role: str, *arguments: str) -> tuple[str, ...]:
    """How the package of that role is started."""
    return (sys.executable, "-m", f"pedidos_{role}", *arguments)


def probe(port: int, path: str = "/readyz") -> Callable[[], Awaitable[bool]]:
    """What asks the process on that port whether it is ready."""

    async def answers() -> bool:
        return await http_status(port, path, PROBE_SECONDS) == HTTPStatus.OK

    return answers
