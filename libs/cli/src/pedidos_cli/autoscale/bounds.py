"""Between how many workers the autoscaler may choose."""

from __future__ import annotations

from dataclasses import dataclass

from pedidos_cli.errors import CliError, ExitStatus

MOST_WORKERS = 256


@dataclass(frozen=True, slots=True)
class Bounds:
    """At least `least` and at most `most` workers.

    Raises:
        ValueError: when they are not 1 <= least <= most <= `MOST_WORKERS`.
    """

    least: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= MOST_WORKERS:
            raise ValueError(f"{self} is no range from 1 to {MOST_WORKERS}")

    def __str__(self) -> str:
        return f"{self.least}:{self.most}"

    def nearest(self, count: int) -> int:
        """`count`, or the bound that it passed."""
        return max(self.least, min(self.most, count))


def bounds_named(text: str) -> Bounds:
    """`2:8` as bounds.

    Raises:
        CliError: saying what was given and how it is written.
    """
    least, _, most = text.partition(":")
    try:
        return Bounds(int(least), int(most))
    except ValueError as wrong:
        raise CliError(
            f"--autoscale {text!r} is no range of workers: give two numbers from 1 to "
            f"{MOST_WORKERS}, the smaller one first, as in 2:8",
            ExitStatus.USAGE,
        ) from wrong
