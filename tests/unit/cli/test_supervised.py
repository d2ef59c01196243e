"""Who is there, who comes and who goes in a stack that is scaled."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pedidos_cli.processes import Launch, ProcessSpec
from pedidos_cli.supervised import Supervised

# lasts until the file `go` is there, whatever signal comes
STUBBORN = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, lambda *_: pathlib.Path("told").touch())
pathlib.Path("up").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.01)
"""


async def always() -> bool:
    return True


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - processes set no event
            await asyncio.sleep(0.01)


def worker(folder: Path, index: int, role: str = "worker") -> ProcessSpec:
    own = folder / str(index)
    own.mkdir()
    code = f"import os; os.chdir({str(own)!r})\n{STUBBORN}"
    launch = Launch((sys.executable, "-c", code), dict(os.environ), always)
    return ProcessSpec(role, index, own / "log", lambda: launch, 20.0)


async def test_the_index_of_one_that_leaves_is_taken_until_it_is_gone(tmp_path: Path) -> None:
    changes: list[None] = []
    there = Supervised(lambda: changes.append(None), lambda _death: None)
    there.start([worker(tmp_path, 0), worker(tmp_path, 1)])
    await until(lambda: all((tmp_path / name / "up").exists() for name in "01"))
    there.leave(1, "worker")
    await until((tmp_path / "1" / "told").exists)
    assert [one.spec.index for one in there.of_role("worker")] == [0]
    assert there.indexes("worker") == {0, 1}
    (tmp_path / "1" / "go").touch()
    await until(lambda: there.indexes("worker") == {0})
    (tmp_path / "0" / "go").touch()
    await there.stop()
    assert there.indexes("worker") == frozenset()


async def test_who_joins_does_not_make_the_others_incomplete(tmp_path: Path) -> None:
    there = Supervised(lambda: None, lambda _death: None)
    there.start([worker(tmp_path, 0)])
    await until((tmp_path / "0" / "up").exists)
    await there.check()
    there.start([worker(tmp_path, 1)], joins=True)
    assert there.unready() == []
    assert not there.rest()
    await until((tmp_path / "1" / "up").exists)
    assert await there.check()
    assert there.rest()
    for name in "01":
        (tmp_path / name / "go").touch()
    await there.stop()


async def test_the_sandbox_is_there_until_services_have_ended_what_they_do(tmp_path: Path) -> None:
    there = Supervised(lambda: None, lambda _death: None)
    there.start([worker(tmp_path, 0, "sandbox"), worker(tmp_path, 1)])
    await until(lambda: all((tmp_path / name / "up").exists() for name in "01"))
    stopping = asyncio.create_task(there.stop())
    await until((tmp_path / "1" / "told").exists)
    assert not (tmp_path / "0" / "told").exists()
    (tmp_path / "1" / "go").touch()
    await until((tmp_path / "0" / "told").exists)
    (tmp_path / "0" / "go").touch()
    await stopping
