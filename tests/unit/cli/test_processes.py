"""A supervised process is started again when it dies, and gone when it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pedidos_cli import processes
from pedidos_cli.processes import Death, Launch, ProcessSpec, SupervisedProcess

SLEEP = "import time; print('up', flush=True); time.sleep(600)"


async def always() -> bool:
    return True


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - processes set no event
            await asyncio.sleep(0.01)


class Watched:
    """A supervised dummy and what was heard of it."""

    def __init__(self, tmp_path: Path, code: str, stop_seconds: float = 5.0) -> None:
        self.log = tmp_path / "dummy-0.log"
        self.changes = 0
        self.deaths: list[Death] = []
        launch = Launch((sys.executable, "-u", "-c", code), dict(os.environ), always)
        spec = ProcessSpec("dummy", 0, self.log, lambda: launch, stop_seconds)
        self.process = SupervisedProcess(spec, self._changed, self.deaths.append)
        self.process.start()

    def _changed(self) -> None:
        self.changes += 1

    async def running(self, line: str = "up") -> int:
        await until(lambda: self.log.exists() and line in self.log.read_text())
        assert self.process.pid is not None
        return self.process.pid


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_is_started_again_when_it_is_killed(tmp_path: Path) -> None:
    watched = Watched(tmp_path, SLEEP)
    first = await watched.running()
    assert await watched.process.check()
    assert watched.process.ready
    os.kill(first, signal.SIGKILL)
    await until(lambda: watched.process.pid not in {None, first})
    entry = watched.process.entry()
    assert (entry.role, entry.index, entry.restarts) == ("dummy", 0, 1)
    assert watched.changes == 2
    assert watched.deaths[0].describe() == "was killed by SIGKILL"
    await watched.process.stop()
    assert not alive(entry.pid or 0)
    assert watched.process.restarts == 1, "a stop is no death"


async def test_deaths_in_a_row_are_counted_and_slow_it_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FIRST_BACKOFF_SECONDS", 0.01)
    watched = Watched(tmp_path, "raise SystemExit(3)")
    await until(lambda: len(watched.deaths) >= 4)
    await watched.process.stop()
    assert [one.in_a_row for one in watched.deaths[:4]] == [1, 2, 3, 4]
    pauses = [one.pause_seconds for one in watched.deaths[:4]]
    assert pauses == [0.01, 0.02, 0.04, 0.08]
    assert watched.deaths[0].describe() == "ended with status 3"


async def test_one_that_was_at_work_is_started_again_at_once_however_often_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "AT_WORK_SECONDS", 0.0)
    watched = Watched(tmp_path, SLEEP)
    pid = await watched.running()
    for _ in range(3):
        assert await watched.process.check()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: watched.process.pid not in {None, pid})  # noqa: B023 - awaited here
        pid = watched.process.pid or 0
    await watched.process.stop()
    assert [one.in_a_row for one in watched.deaths] == [1, 1, 1]


async def test_what_can_not_be_started_is_told_and_tried_again(tmp_path: Path) -> None:
    deaths: list[Death] = []
    launch = Launch((str(tmp_path / "absent"),), {}, always)
    spec = ProcessSpec("dummy", 0, tmp_path / "log", lambda: launch, 1.0)
    process = SupervisedProcess(spec, lambda: None, deaths.append)
    process.start()
    await until(lambda: deaths)
    await process.stop()
    assert "could not be started" in deaths[0].describe()
    assert process.pid is None


async def test_one_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print('child', child.pid, 'up', flush=True); time.sleep(600)"
    )
    watched = Watched(tmp_path, code, stop_seconds=0.2)
    pid = await watched.running()
    child = int(watched.log.read_text().split()[1])
    await watched.process.stop()
    await until(lambda: not alive(pid) and not alive(child))


async def test_a_graceful_end_is_waited_for(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n    time.sleep(0.3); print('drained', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True)\n"
        "while True: time.sleep(1)"
    )
    watched = Watched(tmp_path, code)
    await watched.running()
    await watched.process.stop()
    assert "drained" in watched.log.read_text()
    assert not watched.deaths


async def test_stop_before_the_start_is_over_leaves_nothing(tmp_path: Path) -> None:
    watched = Watched(tmp_path, SLEEP)
    await asyncio.sleep(0)
    await watched.process.stop()
    assert not watched.process.alive
    assert not watched.deaths


async def test_it_lets_others_go_first_as_it_is_told(tmp_path: Path) -> None:
    told = "import os, time; print('nice', os.nice(0), flush=True); time.sleep(600)"
    launch = Launch((sys.executable, "-u", "-c", told), dict(os.environ), always)
    log = tmp_path / "log"
    process = SupervisedProcess(
        ProcessSpec("dummy", 0, log, lambda: launch, 5.0, nice=3), lambda: None, lambda _death: None
    )
    process.start()
    await until(lambda: log.exists() and f"nice {min(os.nice(0) + 3, 19)}" in log.read_text())
    await process.stop()
