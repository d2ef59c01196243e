"""Arguments that are wrong, and where they come from when they are not given."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pedidos_cli.commands import up
from pedidos_cli.stack_plan import StackOptions
from tests.unit.cli.conftest import Ended

Pedidos = Callable[..., Ended]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--quantity", "abc"),
        ("run",),
        ("up", "--port", "99999"),
        ("up", "--data-dir", ""),
        ("status", "--unknown"),
        ("unknown",),
        ("status", "--api", "http://[::1"),
        ("status", "--api", "http://127.0.0.1:99999"),
        ("status", "--api", "http://"),
        ("status", "--api", "127.0.0.1:3000"),
    ],
)
def test_wrong_arguments_are_status_2_and_an_error_object_under_json(
    pedidos: Pedidos, arguments: tuple[str, ...]
) -> None:
    for_people = pedidos(*arguments)
    assert (for_people.status, for_people.out) == (2, "")
    ended = pedidos(*arguments, "--json")
    assert ended.status == 2
    assert ended.document["error"]["exitStatus"] == 2
    assert ended.document["error"]["message"] in ended.err
    assert ended.err == for_people.err
    assert "went wrong that should not" not in ended.err


def test_the_version_is_that_of_the_package(pedidos: Pedidos) -> None:
    ended = pedidos("--version")
    assert (ended.status, ended.out) == (0, f"pedidos {version('pedidos-cli')}\n")


def test_no_argument_shows_the_help(pedidos: Pedidos) -> None:
    ended = pedidos()
    assert "Commands:" in ended.out + ended.err


@pytest.mark.parametrize(
    ("environ", "arguments", "port"),
    [
        ({}, (), 3000),
        ({"PORT": ""}, (), 3000),
        ({"PORT": "3456"}, (), 3456),
        ({"PORT": "3456"}, ("--port", "0"), 0),
    ],
)
def test_the_port_of_up_is_given_or_that_of_the_environment(
    pedidos: Pedidos,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    arguments: tuple[str, ...],
    port: int,
) -> None:
    seen: list[StackOptions] = []

    async def serve(options: StackOptions, *_: Any) -> None:
        seen.append(options)

    monkeypatch.setattr(up, "serve", serve)
    monkeypatch.delenv("PORT", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert pedidos("up", *arguments).status == 0
    assert [one.port for one in seen] == [port]


def test_an_empty_folder_name_writes_nothing_into_the_present_one(
    pedidos: Pedidos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = pedidos("up", "--data-dir", "")
    assert ended.status == 2
    assert "--data-dir is empty" in ended.err
    assert not list(tmp_path.iterdir())
