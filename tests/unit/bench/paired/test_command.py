"""`make bench` takes rounds in turns, and keeps what it has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.paired import __main__ as pipeline
from bench.paired.layout import Layout
from bench.results import load
from bench.running.stack import ServerPair
from tests.unit.bench.paired.rounds import a_round


@contextlib.contextmanager
def no_servers(folder: Path, *, replica_set: bool) -> Iterator[ServerPair]:
    yield ServerPair("mongodb://nowhere", "redis://nowhere", 1, 2)


class Loops:
    """Stands in for both loops; the pipeline fails from its round `broken` on."""

    def __init__(self, broken: int) -> None:
        self._broken = broken
        self.ran: list[str] = []

    def piped(self, servers: ServerPair, folder: Path, settings: Any) -> tuple[Any, str]:
        self.ran.append("pipeline")
        if self.ran.count("pipeline") >= self._broken:
            raise RuntimeError("the services are not ready")
        return a_round(2.2, 2.0, worker_cpu=0.1).pipeline, f"layout {len(self.ran)}"

    def bare(self, servers: ServerPair, layout: Layout, settings: Any) -> Any:
        self.ran.append(f"bare of {layout}")
        return a_round(2.2, 2.0).bare


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def with_loops(broken: int, *arguments: str) -> tuple[int, Loops]:
        loops = Loops(broken)
        monkeypatch.setattr(pipeline, "server_pair", no_servers)
        monkeypatch.setattr(pipeline, "server_versions", lambda *_: {"mongod": "6.0"})
        monkeypatch.setattr(pipeline, "redis_peak_mib", lambda _: 2.0)
        monkeypatch.setattr(pipeline, "pipeline_round", loops.piped)
        monkeypatch.setattr(pipeline, "bare_round", loops.bare)
        status = pipeline.main([*arguments, "--quantity", "200000", "--results", str(tmp_path)])
        return status, loops

    return with_loops


def test_who_goes_first_in_one_round_goes_second_in_the_next(run: Any, tmp_path: Path) -> None:
    status, loops = run(9, "--rounds", "3")

    assert status == 0
    assert loops.ran == [
        "pipeline",
        "bare of layout 1",
        "bare of layout 1",
        "pipeline",
        "pipeline",
        "bare of layout 5",
    ]
    result = load("pipeline", tmp_path)
    assert result
    firsts = [row["first"] for row in result.rows if row["kind"] == "round"]
    assert firsts == ["pipeline", "bare loop", "pipeline"]
    assert result.summary["ratio"]["median"] == 1.1


def test_rounds_before_one_that_fails_are_kept(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = run(3, "--rounds", "5")

    assert status == 1
    assert "round 3 failed: RuntimeError: the services are not ready" in capsys.readouterr().out
    result = load("pipeline", tmp_path)
    assert result
    assert result.summary["rounds"] == 2
    assert result.settings["rounds"] == 5


def test_without_a_round_nothing_is_saved(run: Any, tmp_path: Path) -> None:
    status, _ = run(1)

    assert status == 1
    assert load("pipeline", tmp_path) is None
