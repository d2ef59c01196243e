"""The servers of a bench, and the project's services on them for one round."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pedidos_cli.embedded import binaries
from pedidos_cli.embedded.servers import Server, mongod, redis_server
from pedidos_cli.free_ports import free_port
from pedidos_cli.parent_death import begin_as_child

SERVICES = ("generator", "worker", "orchestrator")
ROLES = (*SERVICES, "redis", "mongod")
START_SECONDS = 120.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ServerPair:
    """Addresses of one MongoDB and one Redis, and their process ids."""

    mongo_uri: str
    redis_url: str
    mongod_pid: int
    redis_pid: int


@dataclass(frozen=True, slots=True)
class RunningServices:
    """The API's address, the processes as `stack.json` lists them, and who supervises them."""

    api: str
    stack_file: Path
    supervisor_pid: int

    def processes(self) -> list[dict[str, Any]]:
        """The services that run at this moment."""
        found: list[dict[str, Any]] = json.loads(self.stack_file.read_text("utf-8"))["processes"]
        return found


def role_of(process: str) -> str:
    """Of a process' name: `worker` of `worker 1`."""
    return process.split(maxsplit=1)[0]


def process_ids(servers: ServerPair, running: RunningServices) -> dict[str, int]:
    """By name (`mongod`, `redis`, `worker 1`): the servers' first, then the services'."""
    pids = {"mongod": servers.mongod_pid, "redis": servers.redis_pid}
    return pids | {f"{one['role']} {one['index']}": one["pid"] for one in running.processes()}


@contextlib.contextmanager
def server_pair(folder: Path, *, replica_set: bool = False) -> Iterator[ServerPair]:
    """One embedded MongoDB and one embedded Redis, with their data in `folder`."""
    with contextlib.ExitStack() as stack:
        mongo_port = free_port()
        data = {name: folder / name for name in ("mongo", "redis")}
        for path in data.values():
            path.mkdir(parents=True)
        mongo_binary = binaries.find("mongod", binaries.candidates("mongod"))
        mongo = mongod(mongo_binary, data["mongo"], mongo_port, replica_set=replica_set)
        redis_binary = binaries.find("redis-server", binaries.candidates("redis-server"))
        cache = redis_server(redis_binary, data["redis"], free_port([mongo_port]))
        mongo_process = _start_server(stack, mongo, folder / "mongod.log")
        redis_process = _start_server(stack, cache, folder / "redis.log")
        yield ServerPair(mongo.address, cache.address, mongo_process.pid, redis_process.pid)


def _start_server(
    stack: contextlib.ExitStack, server: Server, log: Path
) -> subprocess.Popen[bytes]:
    process = _spawn(list(server.command), log, dict(os.environ), server.nice)
    stack.callback(_stop, process)

    async def until_answers() -> None:
        while not await server.answers():
            if process.poll() is not None:
                raise RuntimeError(
                    f"{server.command[0]} ended with {process.returncode}: see {log}"
                )
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(until_answers(), START_SECONDS))
    return process


@contextlib.contextmanager
def services(
    servers: ServerPair,
    folder: Path,
    generators: int,
    workers: int,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[RunningServices]:
    """The orchestrator, generators and workers as `pedidos up` starts them, until they stop.

    `environment` has settings of theirs that differ from the defaults, `options` are those of
    `pedidos up` besides.
    """
    folder.mkdir(parents=True)
    pedidos = str(Path(sys.executable).with_name("pedidos"))
    command = [pedidos, "up", "--data-dir", str(folder), "--port", "0"]
    command += ["--generators", str(generators), "--workers", str(workers)]
    command += ["--mongo-uri", servers.mongo_uri, "--redis-url", servers.redis_url]
    command += options
    # The bench is no stack that a later `pedidos` command should find.
    environ = {**os.environ, **(environment or {}), "XDG_STATE_HOME": str(folder / "state")}
    process = _spawn(command, folder / "up.log", environ)
    try:
        stack_file = folder / "stack.json"
        api = _await_ready(process, stack_file, folder / "up.log")
        yield RunningServices(api, stack_file, process.pid)
    finally:
        _stop(process)


def _await_ready(process: subprocess.Popen[bytes], stack_file: Path, log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            stack = json.loads(stack_file.read_text("utf-8"))
            if stack["ready"]:
                return str(stack["api"])
        time.sleep(0.05)
    raise RuntimeError(f"the services are not ready: {log.read_text('utf-8', 'replace')[-2000:]}")


def _spawn(
    command: list[str], log: Path, environ: dict[str, str], nice: int = 0
) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
            preexec_fn=begin_as_child(nice),  # noqa: PLW1509 - nothing is loaded after the fork
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
