"""docs/state-machines.md says what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

from pedidos_common.domain import jobs, runs

PAGE = Path(__file__).parents[3] / "docs" / "state-machines.md"


def rows(section: str) -> set[tuple[str, str, str]]:
    text = PAGE.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \|", text, flags=re.MULTILINE)
    return {row for row in found if row[0] != "from"}


def arrows(section: str) -> set[tuple[str, str, str]]:
    text = PAGE.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    return {
        (a, t, b)
        for a, b, t in re.findall(r"^    (\w+) --> (\w+): (\w+)", text, flags=re.MULTILINE)
    }


def test_the_jobs_table_is_on_the_page() -> None:
    table = {(a.value, t.value, b.value) for (a, t), b in jobs.TRANSITIONS.items()}
    assert rows("A job") == table
    assert arrows("A job") == table


def test_the_runs_table_is_on_the_page() -> None:
    table = {(a.value, t.value, b.value) for (a, t), b in runs.PHASES.items()}
    assert rows("A run") == table
    assert arrows("A run") == {row for row in table if row[1] not in {"cancel", "fail"}}
