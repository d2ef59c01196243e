"""Which webhooks were taken in, on MongoDB."""

from __future__ import annotations

from pedidos_common.adapters.mongo.client import Collection, Database
from pedidos_common.adapters.mongo.errors import guarded


class MongoWebhookLog:
    """`ports.WebhookLog` on the collection `webhooks_seen`, which forgets after days."""

    def __init__(self, database: Database) -> None:
        self._seen: Collection = database["webhooks_seen"]

    @guarded
    async def first_time(self, webhook_id: str) -> bool:
        """See `ports.WebhookLog.first_time`."""
        noted = await self._seen.update_one(
            {"_id": webhook_id},
            {"$currentDate": {"seenAt": True}},
            upsert=True,
        )
        return noted.upserted_id is not None

    @guarded
    async def forget(self, webhook_id: str) -> None:
        """See `ports.WebhookLog.forget`."""
        await self._seen.delete_one({"_id": webhook_id})
