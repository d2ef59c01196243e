"""Which browser tests of the live page take, and what they say where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import VARIABLE, chromium_path


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without a browser; where Playwright would have its own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "own"


def test_the_one_that_is_named_is_taken(nothing: Path) -> None:
    nothing.touch()
    assert chromium_path({VARIABLE: "/opt/chrome"}, str(nothing)) == "/opt/chrome"


def test_the_one_on_the_path_is_taken_before_playwrights_own(nothing: Path) -> None:
    nothing.touch()
    assert chromium_path({}, str(nothing)) == str(nothing)
    installed = nothing.with_name("chromium")
    installed.touch(0o755)
    assert chromium_path({}, str(nothing)) == str(installed)


def test_without_any_a_test_says_that_it_was_not_run(nothing: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"no Chromium.*{VARIABLE}"):
        chromium_path({}, str(nothing))
