"""Keys rotate by their file alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pedidos_common.domain.api_keys import Scope, WrongKeys, key_of
from pedidos_common.runtime.key_file import LARGEST_FILE_BYTES, KeyFile, read_keys

SHOP = key_of("shop", Scope.READ, b"first")
NEXT = key_of("shop-2", Scope.OPERATE, b"second")


class Rotating:
    """A file of keys and who reads it, at a time that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys"
        self.now = 100.0
        self.path.write_text(SHOP.line)
        self.keys = KeyFile(self.path, lambda: self.now)

    def names(self, after_seconds: float = 1.0) -> list[str]:
        self.now += after_seconds
        return [key.name for key in self.keys()]


@pytest.fixture
def rotating(tmp_path: Path) -> Rotating:
    return Rotating(tmp_path)


def test_a_new_key_is_taken_and_an_old_one_refused_within_a_second(rotating: Rotating) -> None:
    rotating.path.write_text(f"{SHOP.line}\n{NEXT.line}\n")
    assert rotating.names(0.5) == ["shop"]
    assert rotating.names(0.5) == ["shop", "shop-2"]
    rotating.path.write_text(f"{NEXT.line}\n")
    assert rotating.names() == ["shop-2"]
    rotating.path.write_text("")
    assert rotating.names() == []


def test_a_link_that_is_turned_to_another_file_counts(tmp_path: Path) -> None:
    for name, key in (("a", SHOP), ("b", key_of("next", Scope.READ, b"s"))):
        (tmp_path / name).write_text(key.line)
    link = tmp_path / "current"
    link.symlink_to("a")
    now = 0.0
    keys = KeyFile(link, lambda: now)
    link.unlink()
    link.symlink_to("b")
    now = 1.0
    assert [key.name for key in keys()] == ["next"]


@pytest.mark.parametrize("wrong", ["nonsense", None])
def test_a_file_that_went_wrong_leaves_the_keys_of_before(
    rotating: Rotating, wrong: str | None
) -> None:
    if wrong is None:
        rotating.path.unlink()
    else:
        rotating.path.write_text(wrong)
    with capture_logs() as lines:
        assert rotating.names() == ["shop"]
        assert rotating.names() == ["shop"]
    assert [line["event"] for line in lines] == ["api_keys_not_read"], "told once, not each second"
    rotating.path.write_text(NEXT.line)
    assert rotating.names() == ["shop-2"]


def test_as_long_as_it_is_wrong_that_is_told_each_minute(rotating: Rotating) -> None:
    assert rotating.keys.is_valid()
    rotating.path.write_text("nonsense")
    with capture_logs() as lines:
        for _ in range(121):
            rotating.names()
            assert not rotating.keys.is_valid()
    assert [line["event"] for line in lines] == ["api_keys_not_read"] * 3
    rotating.path.write_text(SHOP.line)
    assert not rotating.keys.is_valid(), "it was not looked at since"
    rotating.now += 1.0
    assert rotating.keys.is_valid(), "whoever asks looks"


def test_what_was_read_is_told_by_name_never_by_hash(rotating: Rotating) -> None:
    rotating.path.write_text(NEXT.line)
    with capture_logs() as lines:
        rotating.names()
    assert lines[0]["names"] == ["shop-2: operate"]
    assert NEXT.digest.hex() not in str(lines)


def test_it_looks_only_once_a_second(rotating: Rotating, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    stat = Path.stat

    def counted(path: Path) -> os.stat_result:
        looks.append(path)
        return stat(path)

    monkeypatch.setattr(Path, "stat", counted)
    for _ in range(100):
        rotating.names(0.01)
    assert len(looks) <= 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x", "line 1"),
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (LARGEST_FILE_BYTES + 1), "larger than"),
        (None, "can't be read: No such file"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WrongKeys) as wrong:
        read_keys(path)
    assert said in str(wrong.value)
    assert str(path) in str(wrong.value)
