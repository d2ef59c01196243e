"""The committed rules and dashboards as data."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from deploy.write import DASHBOARDS, RULES

PAGES = RULES.parents[2] / "docs" / "runbooks"
CASES = RULES.parent / "tests"


class Asked(NamedTuple):
    """A query of a rule or of a panel, and where it stands."""

    where: str
    expr: str


def program(name: str) -> str:
    """The path of `prometheus`, `promtool` or `kubectl`; skips the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on the PATH (Debian's package `prometheus` has the first two)")
    return found


def rules() -> list[dict[str, Any]]:
    """Every rule of every file."""
    read = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(RULES.glob("*.yml"))]
    return [rule for one in read for group in one["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """The rules that are alerts; a name may stand more than once."""
    return [rule for rule in rules() if "alert" in rule]


def queries_of_rules() -> Iterator[Asked]:
    """What each rule asks."""
    for rule in rules():
        labels = ",".join(rule.get("labels", {}).values())
        yield Asked(f"{rule.get('alert') or rule['record']} {labels}".strip(), rule["expr"])


def queries_of_dashboards() -> Iterator[Asked]:
    """What each panel of each committed dashboard asks."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in panels(path):
            for target in panel["targets"]:
                where = f"{path.stem}: {panel['title']} {target['refId']}"
                yield Asked(where, target["expr"])


def queries_of_pages() -> Iterator[Asked]:
    """What the runbooks tell to ask."""
    for path in sorted(PAGES.glob("*.md")):
        for block in re.findall(r"```promql\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            for line in block.strip().splitlines():
                yield Asked(path.stem, line)


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard that draw something."""
    return [one for one in json.loads(path.read_text("utf-8"))["panels"] if one["type"] != "row"]
