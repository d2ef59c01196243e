"""What a check is made from, and what becomes of it where retention has removed that."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pedidos_cli.audit.evidence import Evidence
from pedidos_cli.audit.verdict import Check

ORDERS = frozenset({"orders"})
JOBS = frozenset({"jobs"})
BOTH = ORDERS | JOBS
NEITHER: frozenset[str] = frozenset()

Rule = tuple[Callable[[Evidence], Check], frozenset[str]]


def apply(rules: Iterable[Rule], evidence: Evidence) -> Iterable[Check]:
    """The checks in order; one that needs what is gone is there too, as not checkable."""
    for make, needs in rules:
        check = make(evidence)
        why = _gone(evidence, needs)
        yield check.unchecked(why) if why else check


def _gone(evidence: Evidence, needs: frozenset[str]) -> str | None:
    times = {"orders": evidence.run.orders_gone, "jobs": evidence.run.jobs_gone}
    for name in sorted(needs):
        if (since := times[name]) is not None:
            return f"{name} removed by retention, {since:%Y-%m-%d}"
    return None
