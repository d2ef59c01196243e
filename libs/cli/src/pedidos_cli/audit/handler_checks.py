"""Checks of what order handlers wrote."""

from __future__ import annotations

from collections.abc import Iterable

from pedidos_cli.audit.basis import BOTH, Rule
from pedidos_cli.audit.evidence import Evidence
from pedidos_cli.audit.verdict import Check


def rules(evidence: Evidence) -> Iterable[Rule]:
    """One check of what the built-in handler wrote, and one that says what another one wrote."""
    handlers = evidence.handlers
    if handlers.judged or not handlers.others:
        yield observation_fits, BOTH
    if handlers.others:
        yield observation_of_others, BOTH


def observation_fits(evidence: Evidence) -> Check:
    """The built-in handler writes one text for each priority."""
    wrong, nameless = evidence.handlers.misworded, evidence.handlers.nameless
    found = f"{wrong:,} otherwise"
    if nameless:
        found += f", {nameless:,} batches that name no handler"
    return Check(
        key="observation_fits",
        title="The observation of processed orders fits their priority",
        expected="0 otherwise",
        found=found,
        passed=wrong == 0 and nameless == 0,
    )


def observation_of_others(evidence: Evidence) -> Check:
    """Nobody but its author knows what another handler should have written."""
    others = evidence.handlers.others
    names = ", ".join(f"{name} ({count:,} orders)" for name, count in sorted(others.items()))
    title = "The observations that another handler wrote"
    return Check("observation_of_others", title, "", "", None).unchecked(f"handler {names}")
