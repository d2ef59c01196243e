"""Puts the computed tables and sentences into docs/capacity.md, between their marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.capacity.tables import findings, tables, text_of
from bench.results import Result

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"


def write_page(result: Result, page: Path) -> None:
    """Replace what stands between the marks of the page.

    Raises:
        ValueError: when the page lacks the marks of a part, or has marks of an unknown one.
    """
    text = with_parts(page.read_text(encoding="utf-8"), parts_of(result))
    page.write_text(text, encoding="utf-8")


def parts_of(result: Result) -> dict[str, str]:
    """What goes between which marks."""
    said = {name: table.markdown() if table.rows else NONE for name, table in tables(result)}
    said["findings"] = "\n".join(f"- {line}" for line in findings(result))
    assumed = (f"| {name} | {text_of(value)} |" for name, value in result.settings.items())
    said["assumptions"] = "\n".join(["| assumption | value |", "| --- | ---: |", *assumed])
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    versions = ", ".join(f"{name} {value}" for name, value in result.versions.items())
    said["where"] = f"Computed {result.at} by `{result.command}` ({machine}; {versions})."
    return said


NONE = "Nothing was measured to compare with."


def with_parts(text: str, parts: Mapping[str, str]) -> str:
    """The page with each part between its marks, `<!-- part -->` and `<!-- end part -->`."""
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the page has no pair of marks {begin.strip()!r} and {end!r}, or two")
        before, rest = text.split(begin)
        text = f"{before}{begin}{part}\n{end}{rest.split(end)[1]}"
    if unknown := set(re.findall(r"<!-- end (\w+) -->", text)) - set(parts):
        raise ValueError(f"the page has marks that nothing is computed for: {sorted(unknown)}")
    return text
