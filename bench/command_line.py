"""What the commands of the bench have in common: their options, and how wide they print."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console

# What the commands call places of this machine: the folder of the results, another program.
FOLDER_OPTIONS = ("--results", "--folder", "--locust")


def options_of(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """The options that were given (None: to the process), and the whole of it as `command`."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    options.command = command_of(parser.prog, given)
    return options


def command_of(program: str, given: Sequence[str]) -> str:
    """A command as it can be given anywhere: without places of this machine."""
    kept = [
        one
        for before, one in pairwise(("", *given))
        if before not in FOLDER_OPTIONS and one.split("=")[0] not in FOLDER_OPTIONS
    ]
    return " ".join((program, *kept))


def wide_console(columns: int) -> Console:
    """One whose tables are not folded: at least so wide, whatever the terminal is."""
    console = Console()
    console.width = max(console.width, columns)
    return console
