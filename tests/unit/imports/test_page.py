"""docs/imports.md says what the code reads."""

from __future__ import annotations

import re
from pathlib import Path

from pedidos_common.domain.imports.columns import NAMES

PAGE = Path(__file__).parents[3] / "docs" / "imports.md"


def test_the_page_lists_the_names_of_every_column() -> None:
    rows = re.findall(r"^\| `(\w+)`[^|]*\| ([^|]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {field: tuple(names.split(", ")) for field, names in rows} == dict(NAMES)
