"""docs/metrics.md as data: what each service exports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
SERVICES = ("generator", "worker", "orchestrator")
# which of the orchestrators it is does not matter to a stack that has one
LEADER = "leader"


class Listed(NamedTuple):
    """A metric as the page has it."""

    name: str
    kind: str
    labels: frozenset[str]


def listed(service: str) -> set[Listed]:
    """The metrics that the page gives a service; an orchestrator has the leader's too."""
    found = set()
    for line in PAGE.read_text("utf-8").splitlines():
        if not line.startswith("| `pedidos_"):
            continue
        name, kind, labels, unit, exporters, meaning = map(str.strip, line.strip("|").split("|"))
        assert unit, f"{name} has no unit"
        assert meaning, f"{name} has no meaning"
        by = set(exporters.replace(LEADER, "orchestrator").split(", "))
        assert by <= set(SERVICES), f"{name} is exported by {by}"
        if service in by:
            found.add(Listed(name.strip("`"), kind, frozenset(re.findall(r"`(\w+)`", labels))))
    return found
