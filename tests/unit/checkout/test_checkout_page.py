"""docs/checkout.md says what the flow's tables say."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from pedidos_checkout.domain.flow import BACK, STAGES

PAGE = Path(__file__).parents[3] / "docs" / "checkout.md"


def section(name: str) -> str:
    return PAGE.read_text(encoding="utf-8").split(f"## {name}\n")[1].split("\n## ")[0]


def rows(name: str) -> set[tuple[str, str, str]]:
    found = re.findall(r"^\| ([\w-]+) \| (\w+) \| ([\w, -]+) \|", section(name), flags=re.MULTILINE)
    return {row for row in found if row[2] != "then"}


def arrows(name: str) -> set[tuple[str, str, str]]:
    """(from, ending, to) of each arrow of the section's picture."""
    found = re.findall(
        r"^    ([\w-]+) -- ([\w, ]+) --> ([\w-]+)$", section(name), flags=re.MULTILINE
    )
    return {(step, ending, to) for step, endings, to in found for ending in endings.split(", ")}


def forward() -> list[tuple[str, str, str]]:
    return [
        (shape.value, step.value, ", ".join(later))
        for shape, stages in STAGES.items()
        for stage, later in pairwise(stages)
        for step in stage
    ]


def test_the_way_forward_is_on_the_page() -> None:
    assert rows("The way forward") == set(forward())


def test_the_picture_shows_the_paid_way() -> None:
    chains = re.findall(
        r"^    ([\w-]+(?: --> [\w-]+)+)$", section("The way forward"), flags=re.MULTILINE
    )
    drawn = {arrow for chain in chains for arrow in pairwise(chain.split(" --> "))}
    told = {(a, b) for shape, a, then in forward() if shape == "paid" for b in then.split(", ")}
    assert drawn == told


def test_the_way_back_is_on_the_page() -> None:
    told = {(step.value, end.value, ", ".join(then)) for (step, end), then in BACK.items()}
    assert rows("The way back") == told


def test_the_picture_shows_the_first_thing_of_each_way_back() -> None:
    drawn = arrows("The way back")
    told = {
        (step.value, ending.value, to.value) for (step, ending), then in BACK.items() for to in then
    }
    assert drawn <= told
    assert {(step, ending) for step, ending, _ in drawn} == {(s, e) for s, e, _ in told}
