"""The three services as real processes, each behind links of its own to MongoDB and Redis."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pymongo

from tests.e2e.stack import SMALL, Stack, until
from tests.faults.mongod import Mongod
from tests.faults.proxy import PASSING, Condition, Link, Proxy
from tests.integration.service_process import ServiceProcess, environment
from tests.own_redis import OwnRedis
from tests.servers import free_port

MONGO, REDIS = "mongo", "redis"
STORES = (MONGO, REDIS)
DATABASE = "pedidos"
READY_SECONDS = 90.0
STOP_SECONDS = 40.0


class Part:
    """One process of a service under a name that it keeps, and its links by store."""

    def __init__(
        self, role: str, index: int, folder: Path, links: Mapping[str, Link], own: Mapping[str, str]
    ) -> None:
        self.role, self.name, self.links = role, f"{role}-{index}", links
        self.port = free_port()
        self._folder, self._incarnations = folder / self.name, 0
        self._environ = environment(**{**SMALL, **own, **self._addresses()})
        self.process = self._started()

    def _addresses(self) -> dict[str, str]:
        return {
            "PROCESS_NAME": self.name,
            "MONGO_URI": f"mongodb://127.0.0.1:{self.links[MONGO].port}/?directConnection=true",
            "REDIS_URL": f"redis://127.0.0.1:{self.links[REDIS].port}/0",
            "MONGO_DB": DATABASE,
            "PORT" if self.role == "orchestrator" else "METRICS_PORT": str(self.port),
        }

    def _started(self) -> ServiceProcess:
        self._incarnations += 1
        folder = self._folder / str(self._incarnations)
        folder.mkdir(parents=True)
        return ServiceProcess(self.role, folder, self._environ)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self.process.process.pid

    def is_ready(self) -> bool:
        """Whether it says so."""
        return self.process.get("/readyz").is_success

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self.process.kill()

    def start(self) -> None:
        """Another process of this name, on the same port; the former one is gone."""
        self.process = self._started()

    def pause(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def become(self, condition: Condition, stores: Sequence[str] = STORES) -> None:
        """Change its links to these stores."""
        for store in stores:
            self.links[store].become(condition)

    def heal(self) -> None:
        """Its links are as at rest."""
        for link in self.links.values():
            link.heal()


@dataclass(frozen=True)
class LinkedStack:
    """All parts, and `stack` for their API and their database, by no link."""

    parts: Sequence[Part]
    stack: Stack

    def of(self, role: str) -> Sequence[Part]:
        """The processes of a role, by index."""
        return [part for part in self.parts if part.role == role]

    def leader(self) -> Part | None:
        """The orchestrator that holds the lease, whether it knows that or not."""
        lease = self.stack.database.leases.find_one({"_id": "engine"})
        holder = lease["holder"] if lease else None
        name = holder.partition("/")[0] if holder else None
        return next((part for part in self.parts if part.name == name), None)

    def await_ready(self) -> None:
        """Every process says that it is ready."""
        for part in self.parts:
            until(part.is_ready, READY_SECONDS)

    def assert_stop_cleanly(self) -> None:
        """SIGTERM ends each of them with status 0."""
        for part in self.parts:
            part.process.process.terminate()
        assert {part.process.process.wait(STOP_SECONDS) for part in self.parts} == {0}


@contextlib.contextmanager
def linked_stack(
    folder: Path,
    environ: Mapping[str, str],
    counts: Mapping[str, int],
    at_rest: Mapping[tuple[str, str], Condition] | None = None,
) -> Iterator[LinkedStack]:
    """So many processes of each role, on a mongod and a Redis of their own, until all are ready.

    `at_rest` is how the links of a role to a store are when nothing is wrong.
    """
    conditions = at_rest or {}
    with contextlib.ExitStack() as stack:
        mongod = stack.enter_context(Mongod(folder / "mongod"))
        redis = stack.enter_context(OwnRedis())
        proxy = stack.enter_context(Proxy())
        targets = {MONGO: mongod.port, REDIS: redis.port}
        parts: list[Part] = []
        for role, index in [(role, n) for role, count in counts.items() for n in range(count)]:
            links = {
                store: proxy.link(port, conditions.get((role, store), PASSING))
                for store, port in targets.items()
            }
            parts.append(Part(role, index, folder, links, environ))
            stack.callback(parts[-1].kill)
        started = stack.enter_context(_looked_at(folder, mongod, parts))
        started.await_ready()
        yield started


@contextlib.contextmanager
def _looked_at(folder: Path, mongod: Mongod, parts: Sequence[Part]) -> Iterator[LinkedStack]:
    front = next(part for part in parts if part.role == "orchestrator")
    base = f"http://127.0.0.1:{front.port}"
    with (
        httpx.Client(base_url=base, timeout=30.0, trust_env=False) as http,
        pymongo.MongoClient[dict[str, Any]](
            mongod.uri,
            uuidRepresentation="standard",
            tz_aware=True,
            serverSelectionTimeoutMS=5_000,
        ) as mongo,
    ):
        stack = Stack(front.process.process, folder, http, mongod.uri, mongo[DATABASE])
        yield LinkedStack(parts, stack)
