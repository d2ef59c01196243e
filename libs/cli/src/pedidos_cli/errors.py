"""What the command line says when something can't go on, and the status it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from pedidos_common.domain.errors import PedidosError


class ExitStatus(IntEnum):
    """What the shell sees."""

    OK = 0
    FAILED = 1  # the run ended ABORTED or ERROR, an order failed, or the audit did
    USAGE = 2  # bad input, an unknown id
    UNREACHABLE = 3  # no stack answers
    CONFLICT = 4  # refused because of what goes on: a run is active, a queue drains
    INTERRUPTED = 130


class CliError(PedidosError):
    """Ends the command with a message for a person: what happened, to what, what to do next.

    Attributes:
        status: the exit status.
        details: what `--json` shows beside the message.
    """

    def __init__(
        self,
        message: str,
        status: ExitStatus = ExitStatus.FAILED,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = dict(details or {})


class Unreachable(CliError):
    """No API answers (exit status 3)."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, ExitStatus.UNREACHABLE, details)
