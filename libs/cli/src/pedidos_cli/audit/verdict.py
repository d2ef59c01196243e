"""What an audit says: one line per check, and whether all of them hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, what it makes us expect, what was found, and whether that fits.

    `key` is a stable short name of the check; `expected` and `found` are meant for people.
    """

    key: str
    title: str
    expected: str
    found: str
    passed: bool


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """The checks of one run, in order."""

    run_id: str
    phase: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """The keys of the checks that do not hold."""
        return tuple(check.key for check in self.checks if not check.passed)

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {
            "runId": self.run_id,
            "phase": self.phase,
            "passed": self.passed,
            "checks": [
                {
                    "number": number,
                    "key": check.key,
                    "title": check.title,
                    "expected": check.expected,
                    "found": check.found,
                    "passed": check.passed,
                }
                for number, check in enumerate(self.checks, start=1)
            ],
        }

    def render(self, console: Console) -> None:
        """Print the numbered table and the verdict."""
        table = Table(title=f"Audit of run {self.run_id} ({self.phase})", title_justify="left")
        table.add_column("#", justify="right")
        for name in ("check", "expected", "found", ""):
            table.add_column(name, overflow="fold")
        for number, check in enumerate(self.checks, start=1):
            mark = Text("ok", "green") if check.passed else Text("WRONG", "bold red")
            # Texts, not markup: a customer's name or an error may hold brackets.
            cells = (Text(check.title), Text(check.expected), Text(check.found), mark)
            table.add_row(str(number), *cells)
        console.print(table)
        console.print(self._summary())

    def _summary(self) -> Text:
        if self.passed:
            return Text(f"Audit passed: {len(self.checks)} of {len(self.checks)} checks.", "green")
        wrong = len(self.failed)
        return Text(f"Audit FAILED: {wrong} of {len(self.checks)} checks are wrong.", "bold red")
