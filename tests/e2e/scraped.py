"""What the services of a stack answer at /metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.stack import Stack

SCRAPE_SECONDS = 10.0


class Scrape:
    """The metrics of all processes of a role, added up; but for when each series began."""

    def __init__(self, stack: Stack, role: str) -> None:
        self.families: dict[str, Metric] = {}
        self._values: defaultdict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for process in stack.processes(role):
            answer = httpx.get(process["metrics"], timeout=SCRAPE_SECONDS, trust_env=False)
            answer.raise_for_status()
            self._add(text_string_to_metric_families(answer.text))

    def _add(self, families: Iterable[Metric]) -> None:
        for family in families:
            if family.name.endswith("_created"):
                continue
            self.families[family.name] = family
            for sample in family.samples:
                self._values[sample.name].append((sample.labels, sample.value))

    def labels(self, name: str) -> set[frozenset[str]]:
        """The sets of label names that samples of the family have, but for a histogram's `le`."""
        samples = self.families[name].samples
        return {frozenset(sample.labels) - {"le"} for sample in samples}

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name with these labels."""
        wanted = labels.items()
        return sum(value for has, value in self._values[name] if wanted <= has.items())
