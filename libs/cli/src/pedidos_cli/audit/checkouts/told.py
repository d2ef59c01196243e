"""What the sandbox's own books say: every charge, text message and mail that there was."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx

ANSWER_SECONDS = 10.0
PAGE = 1_000
# ISO 4217: two decimals, but for these; the audit shares no code with what it judges
DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment as the provider has it; `captures` and `refunds` are how often it was so."""

    id: str
    reference: str
    status: str
    amount: Decimal
    currency: str
    captures: int
    refunds: int
    created: datetime | None = None

    @property
    def taken(self) -> int:
        """How often the customer's money was taken and not given back."""
        return self.captures - self.refunds


@dataclass(frozen=True, slots=True)
class Told:
    """The provider's books: how often each mail came, by its `mail_id`, and each text message,
    by the id of its job."""

    charges: tuple[Charge, ...]
    mails: Mapping[str, int]
    messages: Mapping[str, int]


def ask(sandbox_url: str) -> Told:
    """Read all of the sandbox's books.

    Raises:
        httpx.HTTPError: when it does not answer.
    """
    proxied = urlsplit(sandbox_url).hostname not in LOOPBACK
    with httpx.Client(base_url=sandbox_url, timeout=ANSWER_SECONDS, trust_env=proxied) as client:
        charges = tuple(charge_of(entry) for entry in _all(client, "payments"))
        mails = _counted(_local_part(entry["message_id"]) for entry in _all(client, "mail"))
        messages = _counted(entry["idempotency_key"] for entry in _all(client, "messages"))
    return Told(charges, mails, messages)


def _all(client: httpx.Client, part: str) -> Iterator[Mapping[str, Any]]:
    after = "0"
    while True:
        answer = client.get(f"/control/ledger/{part}", params={"after": after, "limit": PAGE})
        page = answer.raise_for_status().json()
        yield from page["data"]
        if page["next"] is None:
            return
        after = page["next"]


def charge_of(entry: Mapping[str, Any]) -> Charge:
    """A charge as the sandbox's books tell it."""
    events = Counter(event["event"] for event in entry["history"])
    return Charge(
        id=entry["id"],
        reference=entry["reference"],
        status=entry["status"],
        amount=Decimal(entry["amount"]).scaleb(-DECIMALS.get(entry["currency"], 2)),
        currency=entry["currency"],
        captures=events["capture"],
        refunds=events["refund"],
        created=datetime.fromisoformat(entry["created"]),
    )


def _counted(names: Iterable[str]) -> Mapping[str, int]:
    return Counter(names)


def mail_id(checkout_id: str, step: str) -> str:
    """What stands before the @ of the Message-ID of that step's mail: a hash, as headers are no
    place for the checkout's id."""
    return hashlib.sha256(f"{checkout_id}.{step}".encode()).hexdigest()[:40]


def _local_part(message_id: str) -> str:
    return message_id.strip("<>").partition("@")[0]
