"""Idempotency keys: the same request is done once, and its answer is given again."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pedidos_sandbox.answers import Answer, LedgerFull, Refused
from pedidos_sandbox.clock import iso, now

IN_FLIGHT_SECONDS = 10.0
# What was decided is kept under the key; a conflict or an unknown id may be otherwise next time.
DECIDED = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.PAYMENT_REQUIRED})


def fingerprint_of(path: str, body: str) -> str:
    """What tells one request from another: two with the same one ask for the same."""
    return hashlib.sha256(f"{path}\n{body}".encode()).hexdigest()


@dataclass(slots=True)
class KeyEntry:
    """One key: what it was first used for, and what was answered (None while it is in flight)."""

    key: str
    fingerprint: str
    first_used: datetime
    answer: Answer | None = None
    replays: int = 0
    settled: asyncio.Event | None = field(default_factory=asyncio.Event)

    def audited(self) -> dict[str, Any]:
        """As the ledger shows it."""
        answer = self.answer
        return {
            "key": self.key,
            "fingerprint": self.fingerprint,
            "first_used": iso(self.first_used),
            "replays": self.replays,
            "status": answer.status if answer else None,
            "body": answer.body.decode() if answer else None,
        }


class Keys:
    """Every key that was used; at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[str, KeyEntry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def answered(
        self, key: str, fingerprint: str, work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """What `work` answers, or what it answered when the key was first used.

        While a first request is in flight, others with its key wait for it.

        Raises:
            Refused: 422 where the key was used for something else, 409 where the first request
                takes too long; whatever `work` raises, and then the key is free again.
        """
        while (known := self._entries.get(key)) is not None:
            if known.fingerprint != fingerprint:
                raise _mismatch(key)
            if known.answer is not None:
                known.replays += 1
                return known.answer
            await _settled(known)
        return await self._first(key, fingerprint, work)

    async def _first(
        self, key: str, fingerprint: str, work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        if len(self._entries) >= self._limit:
            raise LedgerFull("idempotency keys", self._limit)
        entry = self._entries[key] = KeyEntry(key, fingerprint, now())
        waiting, entries = entry.settled, self._entries
        try:
            answer = await work()
            if answer.status in DECIDED:
                entry.answer, entry.settled = answer, None
            return answer
        finally:
            if entry.answer is None:
                entries.pop(key, None)
            if waiting is not None:
                waiting.set()

    def page(self, after: int, size: int) -> tuple[Sequence[KeyEntry], str | None]:
        """Those of one page, in the order of their first use; as `Pages.page`."""
        entries = list(self._entries.values())
        more = str(after + size) if after + size < len(entries) else None
        return entries[after : after + size], more

    def clear(self) -> None:
        """Forget all of them; who is in flight ends on its own, and is not kept."""
        self._entries = {}


async def _settled(entry: KeyEntry) -> None:
    if entry.settled is None:
        return
    try:
        async with asyncio.timeout(IN_FLIGHT_SECONDS):
            await entry.settled.wait()
    except TimeoutError:
        raise Refused(
            HTTPStatus.CONFLICT,
            "in_progress",
            "the first request with this idempotency key is still in flight: try again later",
        ) from None


def _mismatch(key: str) -> Refused:
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "idempotency_mismatch",
        f"the idempotency key {key} was first used for another request: take a new key",
    )
