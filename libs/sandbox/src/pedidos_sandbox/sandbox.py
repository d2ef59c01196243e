"""Everything the sandbox plays, over one ledger in memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pedidos_sandbox.faults import Faults
from pedidos_sandbox.keys import Keys
from pedidos_sandbox.mailbox import Mailbox
from pedidos_sandbox.messages import Messages
from pedidos_sandbox.provider import Provider
from pedidos_sandbox.settings import SandboxSettings
from pedidos_sandbox.webhooks import Post, Webhooks, key_of

# authorise, capture or void, refund
KEYS_OF_A_PAYMENT = 3


class Sandbox:
    """The parts, and what is kept of all of them; needs a running event loop.

    Attributes:
        calls: how many requests came, by operation.
    """

    def __init__(self, settings: SandboxSettings, post: Post) -> None:
        limit = settings.ledger_limit
        key = key_of(settings.webhook_secret.get_secret_value())
        self.settings = settings
        self.faults = Faults(settings.seed)
        self.webhooks = Webhooks(
            limit, settings.webhook_url, key, settings.webhook_attempts, self.faults, post
        )
        self.provider = Provider(limit, settings.action_seconds, self.webhooks.tell)
        self.messages = Messages(limit)
        self.mailbox = Mailbox(limit)
        self.keys = Keys(limit * (KEYS_OF_A_PAYMENT + 1))
        self.calls: Counter[str] = Counter()

    def summary(self) -> dict[str, Any]:
        """How much of everything there is."""
        return {
            "payments": len(self.provider),
            "payments_by_status": self.provider.by_status(),
            "messages": len(self.messages),
            "mail": len(self.mailbox),
            "webhooks": len(self.webhooks),
            "keys": len(self.keys),
            "calls": dict(self.calls),
        }

    def reset(self) -> None:
        """As it was when it was started: empty, without faults, with the settings it was given."""
        for part in (self.faults, self.webhooks, self.provider, self.messages, self.mailbox):
            part.reset()
        self.keys.clear()
        self.calls.clear()
        self.webhooks.url = self.settings.webhook_url
        self.provider.action_seconds = self.settings.action_seconds
