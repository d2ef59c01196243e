"""The driver's own report of its commands, as `CommandWatch` takes it."""

from __future__ import annotations

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from pedidos_common.adapters.command_watch import CommandWatch


class CommandTimes(CommandListener):
    """Tells a watch of each command of a client."""

    def __init__(self, watch: CommandWatch) -> None:
        self._watch = watch

    def started(self, event: CommandStartedEvent) -> None:
        """Nothing is known yet."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """The server answered."""
        self._watch(event.command_name, event.duration_micros / 1e6, failed=False)

    def failed(self, event: CommandFailedEvent) -> None:
        """The server refused, or the connection broke."""
        self._watch(event.command_name, event.duration_micros / 1e6, failed=True)
