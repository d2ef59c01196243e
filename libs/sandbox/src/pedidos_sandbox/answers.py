"""What a request is answered, and why it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body of JSON, as it goes over the wire."""

    status: int
    body: bytes

    @classmethod
    def of(cls, document: Mapping[str, Any], status: int = HTTPStatus.OK) -> Answer:
        """An answer that holds the document."""
        return cls(status, json.dumps(document, separators=(",", ":")).encode())


class Refused(Exception):
    """A request that is not done: `{"error": {"code": …, "message": …}}` with that status."""

    def __init__(self, status: int, code: str, message: str, /, **more: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message, **more}

    def answer(self) -> Answer:
        """What goes over the wire."""
        return Answer.of({"error": self.error}, self.status)


class LedgerFull(Refused):
    """The ledger is kept in memory, and its bound is reached."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "ledger_full",
            f"the sandbox keeps no more than {limit} {what}: empty it with POST /control/reset "
            "(`pedidos sandbox reset`), or raise SANDBOX_LEDGER_LIMIT",
        )
