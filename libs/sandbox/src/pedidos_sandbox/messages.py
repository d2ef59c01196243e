"""The SMS provider: what it was asked to send."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pedidos_sandbox.clock import iso, now
from pedidos_sandbox.pages import Pages


@dataclass(frozen=True, slots=True)
class Message:
    """One text message, sent by the request that had that idempotency key."""

    id: str
    at: datetime
    to: str
    text: str
    reference: str
    key: str

    def audited(self) -> dict[str, Any]:
        """As the ledger shows it."""
        return {
            "id": self.id,
            "at": iso(self.at),
            "to": self.to,
            "text": self.text,
            "reference": self.reference,
            "idempotency_key": self.key,
        }


class Messages:
    """All messages there are, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._pages: Pages[Message] = Pages("messages", limit)

    def __len__(self) -> int:
        return len(self._pages)

    def send(self, to: str, text: str, reference: str, key: str) -> Message:
        """One more message.

        Raises:
            LedgerFull: where there is no room for it.
        """
        message = Message(f"sm_{secrets.token_hex(12)}", now(), to, text, reference, key)
        self._pages.append(message)
        return message

    def page(self, after: int, size: int) -> tuple[Sequence[Message], str | None]:
        """One page of all messages; as `Pages.page`."""
        return self._pages.page(after, size)

    def reset(self) -> None:
        """Forget all of them."""
        self._pages.clear()
