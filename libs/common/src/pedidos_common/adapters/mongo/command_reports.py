"""The driver's own report of its commands, as `CommandWatch` and tracing take it."""

from __future__ import annotations

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from pedidos_common.adapters.command_watch import CommandWatch
from pedidos_common.ports import Tracing

SERVER = "mongodb"


class CommandReports(CommandListener):
    """Tells a watch of each command of a client, and tracing also what collection it is about.

    One listener for both: the driver makes its reports for each anew.
    """

    def __init__(self, watch: CommandWatch, tracing: Tracing | None = None) -> None:
        self._watch, self._tracing = watch, tracing
        self._targets: dict[int, str | None] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """The collection is known from here alone."""
        if self._tracing is not None:
            target = event.command.get("collection") or event.command.get(event.command_name)
            self._targets[event.request_id] = target if isinstance(target, str) else None

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """The server answered."""
        self._ended(event, failed=False)

    def failed(self, event: CommandFailedEvent) -> None:
        """The server refused, or the connection broke."""
        self._ended(event, failed=True)

    def _ended(self, event: CommandSucceededEvent | CommandFailedEvent, *, failed: bool) -> None:
        seconds = event.duration_micros / 1e6
        self._watch(event.command_name, seconds, failed=failed)
        if self._tracing is not None:
            target = self._targets.pop(event.request_id, None)
            self._tracing.call(SERVER, event.command_name, target, seconds, failed=failed)
