"""docs/guarantees.md names only tests that exist, in the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "guarantees.md"
_TEST = re.compile(r"\bdef (test_\w+)")


def test_every_test_on_the_page_exists() -> None:
    page = PAGE.read_text("utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    written = {
        name
        for file in (REPOSITORY / "tests").rglob("test_*.py")
        for name in _TEST.findall(file.read_text("utf-8"))
    }
    assert named
    assert named - written == set()


def test_every_file_on_the_page_exists() -> None:
    files = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE.read_text("utf-8")))
    assert [file for file in files if not (REPOSITORY / file).is_file()] == []
