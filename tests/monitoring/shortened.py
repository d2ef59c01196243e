"""The rules with all their times made shorter, so that a test need not wait for minutes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from promql_parser import parse_duration

FACTOR = 30.0
LEAST_SECONDS = 1.0
# a rate needs some scrapes, of which there is one a second
LEAST_RANGE_SECONDS = 5.0
A_RANGE = re.compile(r"\[(\w+)\]")
A_TARGET = re.compile(r"^vector\((\d+)\)$")


def shortened(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same groups, with `for`, ranges and targets in seconds a `FACTOR`th of what they are.

    Nothing else changes: what is asked, compared and said is what production has.
    """
    return [{**group, "rules": [_rule(rule) for rule in group["rules"]]} for group in groups]


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    expr = A_RANGE.sub(lambda found: f"[{_short(found[1], LEAST_RANGE_SECONDS)}]", rule["expr"])
    if rule.get("record", "").endswith("_target_seconds"):
        expr = A_TARGET.sub(lambda found: f"vector({float(found[1]) / FACTOR})", expr)
    made = {**rule, "expr": expr}
    return made | {"for": _short(rule["for"], LEAST_SECONDS)} if "for" in rule else made


def _short(duration: str, least: float) -> str:
    whole: timedelta = parse_duration(duration)
    return f"{max(least, whole.total_seconds() / FACTOR) * 1000:.0f}ms"
