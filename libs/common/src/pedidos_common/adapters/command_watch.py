"""Whoever wants to know how long a server takes for each command."""

from __future__ import annotations

from typing import Protocol


class CommandWatch(Protocol):
    """Is told of each command that ended; must be quick, and never raise."""

    def __call__(self, command: str, seconds: float, *, failed: bool) -> None:
        """The server answered, or failed to, after so long. `command` is as the driver has it."""
        ...


def both(first: CommandWatch, second: CommandWatch) -> CommandWatch:
    """The watch that tells two others."""

    def tell(command: str, seconds: float, *, failed: bool) -> None:
        first(command, seconds, failed=failed)
        second(command, seconds, failed=failed)

    return tell


def ignore_command(command: str, seconds: float, *, failed: bool) -> None:
    """The watch that notes nothing."""
