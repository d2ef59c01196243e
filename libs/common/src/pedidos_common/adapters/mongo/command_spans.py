"""The driver's own report of its commands, as tracing takes it."""

from __future__ import annotations

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from pedidos_common.ports import Tracing

SERVER = "mongodb"


class CommandSpans(CommandListener):
    """Tells tracing of each command of a client, by the collection that it is about."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._targets: dict[int, str | None] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """The collection is known from here alone."""
        target = event.command.get("collection") or event.command.get(event.command_name)
        self._targets[event.request_id] = target if isinstance(target, str) else None

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """The server answered."""
        self._ended(event, failed=False)

    def failed(self, event: CommandFailedEvent) -> None:
        """The server refused, or the connection broke."""
        self._ended(event, failed=True)

    def _ended(self, event: CommandSucceededEvent | CommandFailedEvent, *, failed: bool) -> None:
        target = self._targets.pop(event.request_id, None)
        seconds = event.duration_micros / 1e6
        self._tracing.call(SERVER, event.command_name, target, seconds, failed=failed)
