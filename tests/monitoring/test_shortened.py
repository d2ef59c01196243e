"""What the drill does to rules: times become shorter, and nothing else changes."""

from __future__ import annotations

import re

from deploy.write import groups
from tests.monitoring.shortened import shortened


def test_times_are_shorter_and_nothing_else_changes() -> None:
    given = {
        "name": "g",
        "rules": [
            {"record": "pedidos:a_target_seconds", "expr": "vector(300)"},
            {"record": "pedidos:a_target_ratio", "expr": "vector(5)"},
            {"alert": "A", "expr": "rate(a[5m]) > 300 and b[1h] offset 5m", "for": "2m"},
            {"alert": "B", "expr": "rate(a_rate5m[1m])", "for": "10s"},
        ],
    }
    [made] = shortened([given])
    assert made == {
        "name": "g",
        "rules": [
            {"record": "pedidos:a_target_seconds", "expr": "vector(10.0)"},
            {"record": "pedidos:a_target_ratio", "expr": "vector(5)"},
            {
                "alert": "A",
                "expr": "rate(a[10000ms]) > 300 and b[120000ms] offset 5m",
                "for": "4000ms",
            },
            {"alert": "B", "expr": "rate(a_rate5m[5000ms])", "for": "1000ms"},
        ],
    }


def test_no_time_of_the_real_rules_is_left_as_it_was() -> None:
    for group in shortened(groups()):
        for rule in group["rules"]:
            assert not re.search(r"\[\d+[mhd]\]|offset", rule["expr"]), rule
            assert not re.search(r"[mhd]$", rule.get("for", "0ms").removesuffix("ms")), rule
