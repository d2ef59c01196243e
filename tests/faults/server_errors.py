"""Errors of a MongoDB server itself, made by its own fail point `failCommand`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.mongod import Mongod

INSERT, UPDATE, MODIFY = "insert", "update", "findAndModify"
WRITES = (INSERT, UPDATE, MODIFY, "delete")
READS = ("find", "aggregate", "getMore", "count")
ALL = (*WRITES, *READS)
OUT_OF_DISK, TOO_SLOW, SHUTDOWN, NOT_CONFIRMED = 14031, 262, 91, 64
INTERRUPTED, WRITE_CONFLICT, NOT_PRIMARY, NO_MAJORITY_YET = 11601, 112, 10107, 134


@dataclass(frozen=True, slots=True)
class ServerError:
    """What a server does wrong: to which commands, how, and to what share of them.

    `namespace` narrows it to one collection, as `pedidos.jobs`.
    """

    name: str
    commands: tuple[str, ...]
    how: Mapping[str, Any]
    share: float = 1.0
    namespace: str = ""

    def order(self) -> dict[str, Any]:
        """The command that turns it on."""
        data: dict[str, Any] = {"failCommands": list(self.commands), **self.how}
        if self.namespace:
            data["namespace"] = self.namespace
        mode = "alwaysOn" if self.share == 1.0 else {"activationProbability": self.share}
        return {"configureFailPoint": "failCommand", "mode": mode, "data": data}


@contextlib.contextmanager
def failing(node: Mongod, error: ServerError) -> Iterator[None]:
    """The node errs like that meanwhile; it must be `fallible`."""
    with node.client() as client:
        client.admin.command(error.order())
    try:
        yield
    finally:
        with node.client() as client:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def refused(code: int) -> dict[str, Any]:
    """Nothing is done, and that is what is said."""
    return {"errorCode": code}


def unconfirmed(code: int) -> dict[str, Any]:
    """It is done, and its caller is told that it may not last."""
    return {"writeConcernError": {"code": code, "errmsg": "not confirmed (made by a test)"}}


def slowed(milliseconds: int) -> dict[str, Any]:
    """It is done so much later."""
    return {"blockConnection": True, "blockTimeMS": milliseconds}


CLOSED = {"closeConnection": True}
SHORT = (
    ServerError("disk full, every write", WRITES, refused(OUT_OF_DISK)),
    ServerError("applied, told code 64", WRITES, unconfirmed(NOT_CONFIRMED)),
)
LONG = (
    *SHORT,
    ServerError("half of all connections closed", ALL, CLOSED, share=0.5),
    ServerError("disk full, inserts only", (INSERT,), refused(OUT_OF_DISK)),
    ServerError("applied, told code 91", WRITES, unconfirmed(SHUTDOWN)),
    ServerError("updates of jobs fail", (UPDATE,), refused(OUT_OF_DISK), namespace="pedidos.jobs"),
    ServerError("aggregates fail", ("aggregate",), refused(TOO_SLOW)),
    ServerError("half of all interrupted", ALL, refused(INTERRUPTED), share=0.5),
    ServerError("write conflicts", WRITES, refused(WRITE_CONFLICT), share=0.7),
    ServerError("no majority to read from yet", READS, refused(NO_MAJORITY_YET)),
    ServerError("every connection closed", ALL, CLOSED),
    ServerError("0.1 s later", ALL, slowed(100)),
    ServerError("2 s later", ALL, slowed(2_000)),
    ServerError("6 s later", ALL, slowed(6_000)),
)
