"""Text messages over HTTP; docs/providers.md has the provider's API."""

from __future__ import annotations

from pedidos_checkout.adapters.http.json_calls import JsonCalls
from pedidos_checkout.ports import TextMessage

GROUPING = str.maketrans("", "", " -")


class HttpSms:
    """See `pedidos_checkout.ports.SmsSender`. The calls are shared, not owned."""

    def __init__(self, calls: JsonCalls) -> None:
        self._calls = calls

    async def send(self, message: TextMessage) -> None:
        """See `ports.SmsSender.send`."""
        # people group digits, and shops send that; E.164, which the provider wants, has no groups
        body = {"to": message.to.translate(GROUPING), "text": message.text, "reference": message.id}
        await self._calls.post("send", "v1/messages", message.id, body)
