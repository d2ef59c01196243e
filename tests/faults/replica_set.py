"""A real three-node MongoDB replica set, to be hurt: it votes anew within about two seconds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pymongo import WriteConcern
from pymongo.errors import PyMongoError

from tests.e2e.stack import until
from tests.faults.mongod import Mongod
from tests.servers import free_port

NAME = "faults"
NODES = 3
ELECTION_MS = 2_000
HEARTBEAT_MS = 500
ELECTED_SECONDS = 60.0


class ReplicaSet:
    """Entering the context starts and initiates it; leaving ends every node by its process id.

    `election_ms` is how long a node that hears no majority goes on before there is a vote. Nodes
    that are `fallible` can be told to fail commands (`server_errors.failing`).
    """

    def __init__(
        self, folder: Path, election_ms: int = ELECTION_MS, *, fallible: bool = False
    ) -> None:
        ports: list[int] = []
        for _ in range(NODES):
            ports.append(free_port(ports))
        self.nodes = [
            Mongod(folder / f"node{n}", port, NAME, fallible=fallible)
            for n, port in enumerate(ports)
        ]
        self._election_ms = election_ms
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            for node in self.nodes:
                started.enter_context(node)
            self._initiate()
            until(self.is_whole, ELECTED_SECONDS)
            self._running = started.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._running.close()

    @property
    def uri(self) -> str:
        """The address of the whole set."""
        hosts = ",".join(node.address for node in self.nodes)
        return f"mongodb://{hosts}/?replicaSet={NAME}"

    def _initiate(self) -> None:
        members = [{"_id": n, "host": node.address} for n, node in enumerate(self.nodes)]
        settings = {
            "electionTimeoutMillis": self._election_ms,
            "heartbeatIntervalMillis": HEARTBEAT_MS,
        }
        with self.nodes[0].client() as client:
            config = {"_id": NAME, "version": 1, "members": members, "settings": settings}
            client.admin.command("replSetInitiate", config)

    def elect_after(self, milliseconds: int) -> None:
        """From now on a node that hears no majority goes on for so long."""
        with self.primary().client() as client:
            config = client.admin.command("replSetGetConfig")["config"]
            config["version"] += 1
            config["settings"]["electionTimeoutMillis"] = milliseconds
            client.admin.command("replSetReconfig", config)

    # -- who is what

    def present_primary(self) -> Mongod | None:
        """The node that says it is the primary, the newest elected one of two; None without."""
        said = [(node.hello(), node) for node in self.nodes]
        primaries = [(hello, node) for hello, node in said if hello.get("isWritablePrimary")]
        newest = max(primaries, key=lambda one: str(one[0].get("electionId")), default=None)
        return newest[1] if newest else None

    def primary(self) -> Mongod:
        """The primary; waits until there is one."""
        return until(self.present_primary, ELECTED_SECONDS)

    def secondaries(self) -> list[Mongod]:
        """The nodes beside the primary, whatever their state."""
        first = self.primary()
        return [node for node in self.nodes if node is not first]

    def is_whole(self) -> bool:
        """Whether there is a primary and every other node follows it, and takes its writes.

        A node that has just come back says that it is a secondary before it is one: mongod 6.0.5
        was seen to vote for nobody for a minute when the primary died in that moment.
        """
        said = [node.hello() for node in self.nodes]
        primaries = [
            node
            for node, hello in zip(self.nodes, said, strict=True)
            if hello.get("isWritablePrimary")
        ]
        followers = sum(bool(hello.get("secondary")) for hello in said)
        return len(primaries) == 1 and followers == NODES - 1 and acknowledges(primaries[0], NODES)

    # -- faults

    def kill_primary(self) -> Mongod:
        """`kill -9` of the primary, and wait for another one; the victim, to be started again."""
        victim = self.primary()
        victim.kill()
        self.primary()
        return victim

    def step_down(self, seconds: int = 5) -> Mongod:
        """Make the primary hand over to another node; which was it."""

        def handed_over() -> Mongod | None:
            former = self.primary()
            order = {"replSetStepDown": seconds, "secondaryCatchUpPeriodSecs": 2}
            with former.client() as client, contextlib.suppress(PyMongoError):
                client.admin.command(order)
            now = self.present_primary()
            return former if now is not former else None

        former = until(handed_over, ELECTED_SECONDS)
        self.primary()
        return former

    @contextlib.contextmanager
    def majority_lost(self, *, with_primary: bool = False) -> Iterator[Mongod]:
        """Two nodes are paused meanwhile, the primary among them if asked; the one that is left."""
        first, others = self.primary(), self.secondaries()
        paused = [first, others[0]] if with_primary else others
        left = next(node for node in self.nodes if node not in paused)
        for node in paused:
            node.pause()
        try:
            yield left
        finally:
            for node in paused:
                if node.paused:
                    node.go_on()


def acknowledges(node: Mongod, nodes: int | str = "majority") -> bool:
    """Whether so many have what this node writes now; the others may have to find it first."""
    with node.client() as client, contextlib.suppress(PyMongoError):
        concern = WriteConcern(w=nodes, wtimeout=500)
        client["probe"].get_collection("writes", write_concern=concern).insert_one({})
        return True
    return False


def documents(node: Mongod, collection: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    """What one node has at this moment, whether or not a majority has it too."""
    with node.client() as client:
        return list(client["pedidos"][collection].find(query))
