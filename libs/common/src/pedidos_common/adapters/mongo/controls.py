"""Durable switches: whether workers may take new jobs."""

from __future__ import annotations

from pedidos_common.adapters.mongo.client import Collection, Database
from pedidos_common.adapters.mongo.errors import guarded

QUEUE = "queue"


class MongoQueueState:
    """`ports.QueueState` on the collection `controls`."""

    def __init__(self, database: Database) -> None:
        self._controls: Collection = database["controls"]

    @guarded
    async def read(self) -> str:
        """See `ports.QueueState.read`."""
        found = await self._controls.find_one({"_id": QUEUE})
        return str(found["state"]) if found else "running"

    @guarded
    async def write(self, state: str) -> None:
        """See `ports.QueueState.write`."""
        await self._controls.update_one({"_id": QUEUE}, {"$set": {"state": state}}, upsert=True)
