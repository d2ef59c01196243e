"""stack.json is whole at every moment."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from pedidos_cli import stack_file
from pedidos_cli.stack_file import ProcessEntry, StackDocument


def document(processes: int) -> StackDocument:
    entries = [
        ProcessEntry("worker", index, 1000 + index, f"worker-{index}.log", None, 0)
        for index in range(processes)
    ]
    return StackDocument(True, "http://127.0.0.1:1", "mongodb://m", "redis://r", entries)


def test_the_shape_is_what_clients_read(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    stack_file.write_stack(path, document(1))
    assert json.loads(path.read_text()) == {
        "ready": True,
        "api": "http://127.0.0.1:1",
        "mongo_uri": "mongodb://m",
        "redis_url": "redis://r",
        "processes": [
            {
                "role": "worker",
                "index": 0,
                "pid": 1000,
                "log": "worker-0.log",
                "metrics": None,
                "restarts": 0,
            }
        ],
    }
    assert stack_file.read_stack(path) == document(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    stack_file.write_stack(path, document(1))
    done = threading.Event()

    def write() -> None:
        for number in range(300):
            stack_file.write_stack(path, document(1 + number % 40))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    reads = 0
    while not done.is_set():
        assert json.loads(path.read_text())["ready"] is True
        reads += 1
    writer.join()
    assert reads > 10
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stack.json"
    stack_file.write_stack(path, document(1))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(OSError, match="No space"):
        stack_file.write_stack(path, document(2))
    assert stack_file.read_stack(path) == document(1)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"processes": 3}', "{broken"])
def test_what_is_no_stack_file_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stack.json"
    path.write_text(text)
    assert stack_file.read_stack(path) is None
