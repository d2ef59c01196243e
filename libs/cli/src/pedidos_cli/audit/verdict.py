"""What an audit says: one line per check, and whether all of them hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, what it makes us expect, what was found, and whether that fits.

    `key` is a stable short name of the check; `expected` and `found` are meant for people.
    `passed` is None where what the check needs is gone, so that nobody can tell any more.
    """

    key: str
    title: str
    expected: str
    found: str
    passed: bool | None

    def unchecked(self, why: str) -> Check:
        """The same check, which can't be made, and why."""
        return replace(self, expected="–", found=f"{why}: not checkable", passed=None)  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks of `subject` (what was looked at, in a few words), in order."""

    subject: str
    checks: tuple[Check, ...]

    @property
    def title(self) -> str:
        """What stands over the report."""
        return f"Audit of {self.subject}"

    @property
    def passed(self) -> bool:
        """Whether every check that can be made holds, and there is one at all."""
        return bool(self.held) and not self.failed

    @property
    def held(self) -> tuple[str, ...]:
        """The keys of the checks that hold."""
        return tuple(check.key for check in self.checks if check.passed)

    @property
    def failed(self) -> tuple[str, ...]:
        """The keys of the checks that do not hold."""
        return tuple(check.key for check in self.checks if check.passed is False)

    @property
    def unchecked(self) -> tuple[str, ...]:
        """The keys of the checks that can't be made."""
        return tuple(check.key for check in self.checks if check.passed is None)

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON values; `passed` of a check is null: not checkable."""
        return {
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
        table = Table(title=self.title, title_justify="left")
        table.add_column("#", justify="right")
        for name in ("check", "expected", "found", ""):
            table.add_column(name, overflow="fold")
        for number, check in enumerate(self.checks, start=1):
            # Texts, not markup: a customer's name or an error may hold brackets.
            cells = (Text(check.title), Text(check.expected), Text(check.found), _mark(check))
            table.add_row(str(number), *cells)
        console.print(table)
        console.print(self._summary())

    def headline(self) -> str:
        """The verdict in one sentence."""
        if self.failed:
            wrong = f"Audit FAILED: {len(self.failed)} of {len(self.checks)} checks are wrong"
            return f"{wrong}{self._not_checkable()}."
        if not self.held:
            why = "; ".join(sorted({check.found for check in self.checks}))
            return f"Nothing to audit of {self.subject}: {why}."
        if self.unchecked:
            return f"Audit passed: {len(self.held)} checks passed{self._not_checkable()}."
        return f"Audit passed: {len(self.held)} of {len(self.checks)} checks."

    def _not_checkable(self) -> str:
        return f", {len(self.unchecked)} not checkable" if self.unchecked else ""

    def _summary(self) -> Text:
        if self.passed:
            return Text(self.headline(), "yellow" if self.unchecked else "green")
        return Text(self.headline(), "bold red")


@dataclass(frozen=True, slots=True, init=False)
class AuditVerdict(Verdict):
    """The checks of one run."""

    run_id: str
    phase: str

    def __init__(self, run_id: str, phase: str, checks: tuple[Check, ...]) -> None:
        values = {"run_id": run_id, "phase": phase, "checks": checks, "subject": f"run {run_id}"}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def title(self) -> str:
        """See `Verdict.title`."""
        return f"Audit of {self.subject} ({self.phase})"

    def to_json(self) -> dict[str, Any]:
        """The verdict with its run."""
        # `super()` has no class to begin from here: a class with slots is made anew
        return {"runId": self.run_id, "phase": self.phase, **Verdict.to_json(self)}


def _mark(check: Check) -> Text:
    if check.passed is None:
        return Text("not checked", "yellow")
    return Text("ok", "green") if check.passed else Text("WRONG", "bold red")
