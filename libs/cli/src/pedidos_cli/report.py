"""The report at the end of a run: times, windows, throughput, counts, and the audit's verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pedidos_cli import text
from pedidos_cli.client import Json

if TYPE_CHECKING:
    from pedidos_cli.audit import AuditVerdict

_TIMES = (
    ("orders generated or imported", "generationTimeMs"),
    ("VIP batches enqueued", "enqueueVipTimeMs"),
    ("VIP processed", "processingTimeVIPMs"),
    ("NORMAL batches enqueued", "enqueueNormalTimeMs"),
    ("NORMAL processed", "processingTimeNormalMs"),
    ("total", "totalTimeMs"),
)
_STYLES = {"DONE": "bold green", "ABORTED": "bold yellow", "ERROR": "bold red"}


@dataclass(frozen=True, slots=True)
class Report:
    """A run as history keeps it, and what the audit says of it (None when it did not run)."""

    run: Json
    verdict: AuditVerdict | None = None
    audit_error: str | None = None

    @property
    def good(self) -> bool:
        """Whether the run ended DONE and no audit objects."""
        audited = self.verdict is None or self.verdict.passed
        return self.run.get("phase") == "DONE" and audited and self.audit_error is None

    def to_json(self) -> Json:
        """All of it as one document."""
        return {
            "ok": self.good,
            "runId": self.run.get("runId"),
            "phase": self.run.get("phase"),
            "throughput": throughput(self.run),
            "run": self.run,
            "audit": self.verdict.to_json() if self.verdict else None,
            "auditError": self.audit_error,
        }

    def render(self, console: Console) -> None:
        """Prints it for people."""
        phase = str(self.run.get("phase"))
        title = Text(f"Run {self.run.get('runId')}: ").append(phase, _STYLES.get(phase, "bold"))
        title.append(f", {text.count(self.run.get('quantity'))} orders")
        if self.run.get("totalTimeMs") is not None:
            title.append(f" in {text.duration(self.run['totalTimeMs'])}")
        console.print(title)
        if self.run.get("error"):
            console.print(Text(f"Reason: {self.run['error']}", "red"))
        console.print(times_table(self.run))
        console.print(priorities_table(self.run))
        if rest := unprocessed(self.run):
            console.print(Text(rest, "yellow"))
        if failed := _sum(self.run, "totalFailed"):
            line = f"{text.count(failed)} failed for good: "
            line += f"`pedidos dead --run {self.run.get('runId')}` lists them, with reasons"
            console.print(Text(line, "yellow"))
        self._render_audit(console)

    def _render_audit(self, console: Console) -> None:
        if self.verdict is not None and self.verdict.passed:
            number = len(self.verdict.checks)
            line = f"Audit passed: all {number} checks hold (`pedidos audit` lists them)."
            if self.verdict.unchecked:
                line = f"{self.verdict.headline()} `pedidos audit` lists them."
            console.print(Text(line, "green"))
        elif self.verdict is not None:
            self.verdict.render(console)
        elif self.audit_error:
            console.print(Text(f"Not audited: {self.audit_error}", "bold red"))
        else:
            line = f"Not audited here: `pedidos audit --run {self.run.get('runId')}` does it"
            console.print(Text(line))


def times_table(run: Json) -> Table:
    """How long each phase took."""
    table = Table(title="Time per phase", title_justify="left")
    table.add_column("phase")
    table.add_column("time", justify="right")
    for label, key in _TIMES:
        table.add_row(label, text.duration(run.get(key)))
    return table


def priorities_table(run: Json) -> Table:
    """Window, throughput and counts of each priority."""
    table = Table(title="Orders per priority (times in UTC)", title_justify="left")
    for name in ("", "processed", "failed", "first start", "last end", "throughput"):
        table.add_column(name, justify="left" if not name else "right")
    rates = throughput(run)
    for label, suffix in (("VIP", "VIP"), ("NORMAL", "Normal")):
        table.add_row(
            label,
            text.count(run.get(f"totalProcessed{suffix}")),
            text.count(run.get(f"totalFailed{suffix}")),
            text.moment(run.get(f"start{suffix}")),
            text.moment(run.get(f"end{suffix}")),
            text.speed(rates[label.lower()]),
        )
    both = [_sum(run, f"total{what}") for what in ("Processed", "Failed")]
    table.add_row("all", *map(text.count, both), text.NONE, text.NONE, text.speed(rates["overall"]))
    return table


def unprocessed(run: Json) -> str | None:
    """What became of the orders that no priority counts, in words; None where there are none.

    How many are pending, or were never written, is known once the run has its receipt.
    """
    receipt, quantity = run.get("receipt") or {}, int(run.get("quantity") or 0)
    deleted = int((run.get("cancelled") or {}).get("deletedPending") or 0)
    pending = int(receipt.get("pending") or 0)
    ended = _sum(run, "totalProcessed") + _sum(run, "totalFailed")
    unwritten = max(0, quantity - ended - deleted - pending) if receipt else 0
    parts = [(deleted, "were deleted by the cancel"), (pending, "are pending")]
    # a finished import leaves out rows that were known before
    parts.append((unwritten, "were never written"))
    said = ", ".join(f"{text.count(number)} {what}" for number, what in parts if number)
    return f"Of {text.count(quantity)} orders {said}." if said else None


def throughput(run: Json) -> dict[str, float | None]:
    """Orders a second in each priority's window, and over the whole run; None without a basis."""
    rates: dict[str, float | None] = {}
    for name, suffix in (("vip", "VIP"), ("normal", "Normal")):
        seconds = window_seconds(run.get(f"start{suffix}"), run.get(f"end{suffix}"))
        ended = [run.get(f"total{what}{suffix}") or 0 for what in ("Processed", "Failed")]
        rates[name] = sum(ended) / seconds if seconds else None
    total = run.get("totalTimeMs")
    done = _sum(run, "totalProcessed") + _sum(run, "totalFailed")
    rates["overall"] = done / (total / 1_000) if total else None
    return rates


def window_seconds(start: Any, end: Any) -> float | None:
    """Seconds between two ISO 8601 times; None when one is missing."""
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (TypeError, ValueError):
        return None


def _sum(run: Json, prefix: str) -> int:
    return sum(int(run.get(f"{prefix}{suffix}") or 0) for suffix in ("VIP", "Normal"))
