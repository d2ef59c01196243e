"""How full a server is, and from when on that is worth a warning: before it takes no more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MUCH_ROOM_BYTES = 20_000_000_000
MEGABYTE = 1_000_000


class Store(StrEnum):
    """What fills up."""

    REDIS_MEMORY = "redis_memory"
    MONGO_DISK = "mongo_disk"


# a ring takes some 300 bytes, and nothing but rings grows in Redis; a disk is shared with others
NEARLY_FULL = {Store.REDIS_MEMORY: 0.8, Store.MONGO_DISK: 0.9}
_ADVICE = {
    Store.REDIS_MEMORY: "Redis memory is {percent} % full ({used} of {total} MB): raise its "
    "maxmemory or find what else fills it, as no new work starts once it is full",
    Store.MONGO_DISK: "MongoDB's disk is {percent} % full ({left} MB of {total} MB left): make "
    "room or set ORDERS_RETENTION_DAYS, as MongoDB ends when it is full",
}


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes used of one store, and how many it has."""

    store: Store
    used_bytes: int
    total_bytes: int

    @property
    def share(self) -> float:
        """How full it is, from 0 to 1."""
        return self.used_bytes / self.total_bytes if self.total_bytes else 0.0

    @property
    def nearly_full(self) -> bool:
        """Whether it is time to act; never where many orders would still fit."""
        left = self.total_bytes - self.used_bytes
        return self.share > NEARLY_FULL[self.store] and left < MUCH_ROOM_BYTES

    def advice(self) -> str:
        """What happened, to what, and what to do next."""
        return _ADVICE[self.store].format(
            percent=int(self.share * 100),
            used=self.used_bytes // MEGABYTE,
            total=self.total_bytes // MEGABYTE,
            left=(self.total_bytes - self.used_bytes) // MEGABYTE,
        )
