"""The one active slot in `process_runs`: a run has it, or a reset while it wipes.

A reset's hold is a document with `active: true` like an active run's, so that the unique partial
index lets in one of them. Its time is the server's; a hold that is past it gives way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pymongo.errors import DuplicateKeyError

from pedidos_common.adapters.mongo.client import Collection, Document
from pedidos_common.domain.errors import ResetInProgress, RunAlreadyActive

HOLD_ID = "reset"
ATTEMPTS = 3
_EXPIRED: Document = {"_id": HOLD_ID, "$expr": {"$lt": ["$heldUntil", "$$NOW"]}}

Entered = TypeVar("Entered")


def runs_only(query: Document) -> Document:
    """The query without a reset's hold: whoever reads runs asks like this."""
    return {"$and": [query, {"_id": {"$ne": HOLD_ID}}]}


def _held(owner: str, seconds: float) -> list[Document]:
    until = {"$add": ["$$NOW", int(seconds * 1000)]}
    fields = {"active": True, "owner": {"$literal": owner}, "heldUntil": until}
    return [{"$set": fields}]


class RunSlot:
    """Who may be in it, and how one gets in."""

    def __init__(self, runs: Collection) -> None:
        self._runs = runs

    async def enter(self, attempt: Callable[[], Awaitable[Entered]]) -> Entered:
        """Do what makes a document the active one, once more where the way became free.

        Raises:
            RunAlreadyActive: when a run has the slot.
            ResetInProgress: when a reset has it.
        """
        for _ in range(ATTEMPTS):
            try:
                return await attempt()
            except DuplicateKeyError:
                await self._make_way()
        raise RunAlreadyActive("(one that has just ended)")

    async def _make_way(self) -> None:
        if (await self._runs.delete_one(_EXPIRED)).deleted_count:
            return
        found = await self._runs.find_one({"active": True}, {"_id": 1})
        if found is None:
            return
        if found["_id"] == HOLD_ID:
            raise ResetInProgress
        raise RunAlreadyActive(str(found["_id"]))

    async def hold(self, owner: str, seconds: float) -> None:
        """Take the slot for a reset; raises like `enter`."""

        async def insert() -> Any:
            # another owner's hold does not match, so this is an insert, or a duplicate
            mine = {"_id": HOLD_ID, "owner": owner}
            return await self._runs.update_one(mine, _held(owner, seconds), upsert=True)

        await self.enter(insert)

    async def renew(self, owner: str, seconds: float) -> bool:
        """Whether the hold is (still) this owner's; if so, it lasts that long from now."""
        mine = {"_id": HOLD_ID, "owner": owner}
        return (await self._runs.update_one(mine, _held(owner, seconds))).matched_count == 1

    async def release(self, owner: str) -> None:
        """Leave the slot, if it is this owner's."""
        await self._runs.delete_one({"_id": HOLD_ID, "owner": owner})
