"""What a person is told about processes of a stack that die."""

from __future__ import annotations

import time

from pedidos_cli import process_log
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.processes import Death

# Before the stack was ever ready, a process that dies this often in a row will not come up.
HOPELESS_DEATHS = 3
# The status of a service that can't start with its settings, or on its port: one more try is due.
EXIT_WRONG_SETTING = 2
LINE_CHARACTERS = 300


def patience(death: Death) -> int:
    """How many deaths in a row show that a process will not come up."""
    return 2 if death.code == EXIT_WRONG_SETTING else HOPELESS_DEATHS


def stamped(words: str) -> str:
    """The words behind the time of day: what happens while a stack runs is read much later."""
    return f"{time.strftime('%H:%M:%S')} {words}"


def describe_death(death: Death) -> str:
    """One line about a process that died: what happened, and what happens next."""
    spec = death.process.spec
    text = f"{spec.name} {death.describe()}; starting it again in {death.pause_seconds:.1f} s"
    if death.in_a_row >= HOPELESS_DEATHS:
        text += f" (ended {death.in_a_row} times in a row: see {spec.log})"
    return text


def hopeless(death: Death, *, kept: bool) -> CliError:
    """Why the stack can't start, with the end of the log that says it (`kept` if it stays)."""
    spec = death.process.spec
    said = dict.fromkeys(line[:LINE_CHARACTERS] for line in process_log.tail(spec.log))
    where = f"its log {spec.log}" if kept else "its log"
    last = "\n".join(f"  | {line}" for line in said)
    message = (
        f"{spec.name} {death.describe()} {death.in_a_row} times in a row, so the stack can't "
        f"start. The end of {where}:\n{last or '  (nothing)'}"
    )
    wrong_setting = death.code == EXIT_WRONG_SETTING
    return CliError(message, ExitStatus.USAGE if wrong_setting else ExitStatus.FAILED)
