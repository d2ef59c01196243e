"""Every running stack is known until it stops or its supervisor is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pedidos_cli.errors import Unreachable
from pedidos_cli.process_life import birth_of, lives
from pedidos_cli.stack_notes import StackNote, forget, notes_folder, remember, running
from pedidos_cli.target import find_target

Supervisor = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    """Starts processes that stand for a `pedidos up`, and ends them."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def note(pid: int, port: int, **changed: Any) -> StackNote:
    fields: dict[str, Any] = {"birth": birth_of(pid) or "", "noted_ns": port}
    return StackNote(
        f"/data/{port}/stack.json",
        f"http://127.0.0.1:{port}",
        f"mongodb://127.0.0.1:{port + 1}",
        "redis://r",
        "db",
        pid=pid,
        **fields | changed,
    )


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path)}


def test_a_second_stack_that_stops_leaves_the_first_one_known(
    environ: dict[str, str], supervisor: Supervisor
) -> None:
    folder, first, second = notes_folder(environ), supervisor().pid, supervisor().pid
    remember(folder, note(first, 3100))
    remember(folder, note(second, 3105))
    newest = find_target(None, None, environ)
    assert (newest.api, newest.chosen_of) == ("http://127.0.0.1:3105", 2)
    forget(folder, second)
    left = find_target(None, None, environ)
    assert (left.api, left.chosen_of) == ("http://127.0.0.1:3100", 1)
    forget(folder, first)
    with pytest.raises(Unreachable, match="No stack is known"):
        find_target(None, None, environ)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_each_of_two_stacks_is_known_by_its_address(
    environ: dict[str, str], supervisor: Supervisor, host: str
) -> None:
    for port in (3100, 3105):
        remember(notes_folder(environ), note(supervisor().pid, port))
    named = find_target(f"http://{host}:3100/", None, environ)
    assert (named.mongo_uri, named.chosen_of) == ("mongodb://127.0.0.1:3101", 0)
    assert named.data_dir == Path("/data/3100")
    assert find_target("http://127.0.0.1:3999", None, environ).mongo_uri is None


def test_a_stack_in_passing_is_taken_only_where_there_is_no_other(
    environ: dict[str, str], supervisor: Supervisor
) -> None:
    folder, stays = notes_folder(environ), supervisor().pid
    remember(folder, note(stays, 3100))
    remember(folder, note(supervisor().pid, 3105, passing=True))
    assert find_target(None, None, environ).api == "http://127.0.0.1:3100"
    assert find_target("http://127.0.0.1:3105", None, environ).mongo_uri
    forget(folder, stays)
    assert find_target(None, None, environ).api == "http://127.0.0.1:3105"


def test_a_note_whose_supervisor_is_gone_is_swept(
    environ: dict[str, str], supervisor: Supervisor
) -> None:
    folder, killed = notes_folder(environ), supervisor()
    remember(folder, note(supervisor().pid, 3100))
    remember(folder, note(killed.pid, 3105))
    # The pid of the third has come to another process meanwhile.
    remember(folder, note(supervisor().pid, 3110, birth="0"))
    killed.kill()
    killed.communicate()
    assert [one.api for one in running(folder)] == ["http://127.0.0.1:3100"]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", "{broken"])
def test_what_is_no_note_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "1.json").write_text(text)
    assert running(tmp_path) == []
    assert (tmp_path / "1.json").exists()


def test_a_home_that_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    remember(tmp_path / "file" / "stacks", note(os.getpid(), 3100))
    assert running(tmp_path / "file" / "stacks") == []


def test_without_xdg_the_state_is_below_home() -> None:
    path = notes_folder({"HOME": "/home/someone"})
    assert path == Path("/home/someone/.local/state/pedidos/stacks")


def test_a_process_that_has_ended_does_not_live(supervisor: Supervisor) -> None:
    process = supervisor()
    birth = birth_of(process.pid)
    assert birth is not None
    assert lives(process.pid, birth)
    process.kill()
    process.wait()
    assert not lives(process.pid, birth)
