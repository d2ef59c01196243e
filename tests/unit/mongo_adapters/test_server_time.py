"""Times in MongoDB are the server's: no adapter asks the clock of its own process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pedidos_common.adapters.mongo as adapters

CLOCKS = frozenset({"now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns"})
MODULES = sorted(Path(adapters.__path__[0]).glob("*.py"))


def asked_clocks(source: str) -> Iterator[str]:
    """Every call of something that is called like a clock."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in CLOCKS:
                yield f"line {node.lineno}: {name}()"


def test_a_clock_is_seen() -> None:
    source = "from datetime import UTC, datetime\nuntil = datetime.now(UTC)\n"
    assert list(asked_clocks(source)) == ["line 2: now()"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_no_process_s_clock_is_asked(module: Path) -> None:
    found = list(asked_clocks(module.read_text("utf-8")))
    assert found == [], f"{module.name}: an hour off, this process would take leases or keep them"
