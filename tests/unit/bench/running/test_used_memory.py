"""Memory is in use before runs that are compared by their size."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.running import used_memory

FREE = 8 << 20


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """One with little memory; the folder in which its temporary files are."""
    seen = SimpleNamespace(available=used_memory.LEFT_FREE + FREE)
    monkeypatch.setattr("psutil.virtual_memory", lambda: seen)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_all_that_is_free_but_a_rest_is_filled_and_given_back(machine: Path) -> None:
    with used_memory.memory_in_use() as fill:
        [hole] = machine.glob("*/hole")
        assert hole.stat().st_size == FREE
        assert hole.stat().st_blocks == 0
        assert fill() == FREE
    assert not list(machine.iterdir())


def test_a_machine_that_is_full_is_left_alone(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = SimpleNamespace(available=used_memory.LEFT_FREE - 1)
    monkeypatch.setattr("psutil.virtual_memory", lambda: seen)
    with used_memory.memory_in_use() as fill:
        assert fill() == 0


@pytest.mark.usefixtures("machine")
def test_a_touch_that_would_take_too_much_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert used_memory.main(["--gib", "1"]) == 2
    assert "ask for less by --gib" in capsys.readouterr().err
