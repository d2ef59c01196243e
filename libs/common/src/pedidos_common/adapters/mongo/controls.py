"""Durable switches: whether workers may take new jobs, of all queues or of single ones."""

from __future__ import annotations

from pedidos_common.adapters.mongo.client import Collection, Database
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.ports import QueueStates

QUEUE = "queue"


class MongoQueueState:
    """`ports.QueueState` as one document of the collection `controls`."""

    def __init__(self, database: Database) -> None:
        self._controls: Collection = database["controls"]

    async def read(self) -> str:
        """See `ports.QueueState.read`."""
        return (await self.read_all()).everything

    @guarded
    async def write(self, state: str) -> None:
        """See `ports.QueueState.write`."""
        await self._set("state", state)

    @guarded
    async def read_all(self) -> QueueStates:
        """See `ports.QueueState.read_all`."""
        found = await self._controls.find_one({"_id": QUEUE}) or {}
        return QueueStates(str(found.get("state", "running")), dict(found.get("queues", {})))

    @guarded
    async def write_queue(self, queue: str, state: str) -> None:
        """See `ports.QueueState.write_queue`."""
        await self._set(f"queues.{queue}", state)

    async def _set(self, field: str, state: str) -> None:
        await self._controls.update_one({"_id": QUEUE}, {"$set": {field: state}}, upsert=True)
