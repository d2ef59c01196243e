"""The layouts that are measured: each differs from `BASE` in one thing, so that has a price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pymongo import WriteConcern


class IdForm(StrEnum):
    """What `_id` is; with any but `RUN_SEQUENCE` a batch is no range, and is named id by id."""

    OBJECT_ID = "ObjectId, and a unique uuid string"
    RANDOM_UUID = "random uuid string"
    RUN_SEQUENCE = "UUIDv8 of run and sequence, binary"


class Concern(StrEnum):
    """How a write is acknowledged."""

    MEMORY = "w:1"
    JOURNAL = "w:1 j:true"
    MAJORITY = "majority j:true"

    @property
    def of_driver(self) -> WriteConcern:
        """The driver's form."""
        return _CONCERNS[self]


_CONCERNS = {
    Concern.MEMORY: WriteConcern(w=1),
    Concern.JOURNAL: WriteConcern(w=1, j=True),
    Concern.MAJORITY: WriteConcern(w="majority", j=True),
}


@dataclass(frozen=True, slots=True)
class Index:
    """An index that may stand beside `_id`; `partial` is the filter of what is in it."""

    name: str
    fields: tuple[str, ...]
    partial: tuple[tuple[str, Any], ...] = ()
    unique: bool = False

    def create(self, orders: Any) -> None:
        """Create it on a collection."""
        options: dict[str, Any] = {"name": self.name, "unique": self.unique}
        if self.partial:
            options["partialFilterExpression"] = dict(self.partial)
        orders.create_index([(field, 1) for field in self.fields], **options)


UUID_ONCE = Index("uuid", ("uuid",), unique=True)
PRIORITY_STATUS = Index("(priority, status)", ("priority", "status"))
CLIENTE = Index("cliente", ("cliente",))
FAILED = Index("partial falhou", ("status", "_id"), partial=(("status", "falhou"),))
EXTERNAL = Index(
    "partial externalId, unique",
    ("externalId",),
    partial=(("externalId", {"$type": "string"}),),
    unique=True,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to keep orders, and to write them.

    `fenced` puts the lease's end into each update, `external` an `externalId` into each order.
    `without` names the layout that lacks just what this one is about; the difference is its price.
    """

    name: str
    group: str
    ids: IdForm = IdForm.RUN_SEQUENCE
    clustered: bool = True
    indexes: tuple[Index, ...] = ()
    concern: Concern = Concern.MAJORITY
    fenced: bool = False
    external: bool = False
    replica_set: bool = False
    without: str | None = None

    @property
    def updates_by(self) -> str:
        """How an update names the orders of a batch."""
        if self.ids is IdForm.RUN_SEQUENCE:
            return "id range"
        # by a list of ids MongoDB 6.0 scans a clustered collection from end to end
        return "id by id" if self.clustered else "id list"


BASE = Layout("bare", "id form")
IMPORTED = Layout("bare, with externalId", "index", external=True)
REPLICATED = Layout("replica set, majority j:true", "write concern", replica_set=True)


def _beside(base: Layout, name: str, group: str, **changes: Any) -> Layout:
    return replace(base, name=name, group=group, without=base.name, **changes)


LAYOUTS: tuple[Layout, ...] = (
    BASE,
    _beside(BASE, "plain collection", "id form", clustered=False),
    _beside(BASE, "random uuid, clustered", "id form", ids=IdForm.RANDOM_UUID),
    _beside(BASE, "random uuid, plain", "id form", ids=IdForm.RANDOM_UUID, clustered=False),
    _beside(
        BASE,
        "ObjectId + unique uuid, plain",
        "id form",
        ids=IdForm.OBJECT_ID,
        clustered=False,
        indexes=(UUID_ONCE,),
    ),
    _beside(BASE, "+ (priority, status)", "index", indexes=(PRIORITY_STATUS,)),
    _beside(BASE, "+ cliente", "index", indexes=(CLIENTE,)),
    _beside(BASE, "+ partial falhou", "index", indexes=(FAILED,)),
    _beside(BASE, "+ partial externalId, none has one", "index", indexes=(EXTERNAL,)),
    IMPORTED,
    _beside(IMPORTED, "+ partial externalId, each has one", "index", indexes=(EXTERNAL,)),
    _beside(BASE, "+ lease's end in each update", "guard", fenced=True),
    _beside(BASE, "the product's", "guard", indexes=(FAILED, EXTERNAL), fenced=True),
    _beside(BASE, "standalone, w:1", "write concern", concern=Concern.MEMORY),
    _beside(BASE, "standalone, w:1 j:true", "write concern", concern=Concern.JOURNAL),
    REPLICATED,
    _beside(REPLICATED, "replica set, w:1", "write concern", concern=Concern.MEMORY),
    _beside(REPLICATED, "replica set, w:1 j:true", "write concern", concern=Concern.JOURNAL),
)
