"""MongoDB as the local stack and the doctor see it: does it answer, what is it, can it write."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from pedidos_cli.errors import CliError, ExitStatus
from pedidos_common.adapters.mongo import client as driver

Client = MongoClient[dict[str, Any]]
REPLICA_SET = "pedidos"
_NOT_YET_INITIALIZED = 94
_ALREADY_INITIALIZED = 23


@dataclass(frozen=True, slots=True)
class MongoFacts:
    """What a doctor wants to know. `ahead_seconds`: MongoDB's clock less this machine's."""

    version: str
    topology: str
    write_error: str | None
    ahead_seconds: float
    disk_free_bytes: int | None


@contextlib.contextmanager
def connected(uri: str, timeout_seconds: float, *, direct: bool = False) -> Iterator[Client]:
    """A client that gives up after `timeout_seconds`.

    Raises:
        CliError: when the address makes no sense.
    """
    check_address(uri)
    milliseconds = int(timeout_seconds * 1000)
    options: dict[str, Any] = {"directConnection": True} if direct else {}
    client: Client = MongoClient(
        uri,
        serverSelectionTimeoutMS=milliseconds,
        connectTimeoutMS=milliseconds,
        socketTimeoutMS=milliseconds,
        **options,
    )
    with client:
        yield client


def check_address(uri: str) -> None:
    """Refuses an address that no client could use, without connecting.

    Raises:
        CliError: how one is written; holds nothing of this one, which may have a password.
    """
    try:
        driver.check_address(uri)
    except ValueError as wrong:
        raise CliError(f"MONGO_URI (--mongo-uri) must be {wrong}", ExitStatus.USAGE) from None


def answers(uri: str, timeout_seconds: float = 2.0) -> bool:
    """Whether a server that takes writes answers there."""
    try:
        with connected(uri, timeout_seconds) as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False


def replica_set_ready(port: int, timeout_seconds: float = 2.0) -> bool:
    """Makes the loopback server on `port` a replica set of one; whether it takes writes by now.

    A kept data folder may know the server under another port: its configuration is corrected.
    """
    host = f"127.0.0.1:{port}"
    try:
        with connected(f"mongodb://{host}", timeout_seconds, direct=True) as client:
            hello = client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return True
            if "setName" not in hello or hello.get("isreplicaset"):
                _configure(client, host)
    except PyMongoError:
        pass
    return False


def _configure(client: Client, host: str) -> None:
    config = {"_id": REPLICA_SET, "version": 1, "members": [{"_id": 0, "host": host}]}
    try:
        present = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as refused:
        if refused.code == _NOT_YET_INITIALIZED:
            client.admin.command("replSetInitiate", config)
        return
    if present["members"][0]["host"] != host:
        changed = {**present, "version": present["version"] + 1, "members": config["members"]}
        client.admin.command("replSetReconfig", changed, force=True)


def facts(uri: str, database: str, timeout_seconds: float = 5.0) -> MongoFacts:
    """Looks at the server once.

    Raises:
        PyMongoError: when it does not answer or refuses.
    """
    with connected(uri, timeout_seconds) as client:
        before = time.time()
        hello = client.admin.command("hello")
        middle = (before + time.time()) / 2
        return MongoFacts(
            version=str(client.server_info()["version"]),
            topology=_topology(hello),
            write_error=_write_error(client, database),
            ahead_seconds=_epoch_seconds(hello["localTime"]) - middle,
            disk_free_bytes=_disk_free(client),
        )


def _disk_free(client: Client) -> int | None:
    """Of the disk below its data, as the server sees it; None when it will not tell."""
    try:
        stats = client["local"].command("dbStats")  # a database that every server has
        return int(stats["fsTotalSize"] - stats["fsUsedSize"])
    except (PyMongoError, KeyError):
        return None


def _topology(hello: dict[str, Any]) -> str:
    if hello.get("msg") == "isdbgrid":
        return "sharded cluster"
    return f"replica set {hello['setName']}" if "setName" in hello else "standalone"


def _epoch_seconds(moment: Any) -> float:
    from datetime import UTC

    return float(moment.replace(tzinfo=UTC).timestamp())


def _write_error(client: Client, database: str) -> str | None:
    probe = client[database][f"doctor_{uuid4().hex}"]
    try:
        probe.insert_one({"probe": True})
        probe.drop()
    except PyMongoError as refused:
        return str(refused)
    return None
