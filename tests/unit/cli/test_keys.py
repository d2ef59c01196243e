"""`pedidos keys new` makes a key that the API takes by the line that it prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pedidos_cli.doctor.finding import Level
from pedidos_cli.doctor.settings import settings
from pedidos_common.domain.api_keys import MARK, Scope, parse_keys, sent_key
from tests.unit.cli.conftest import Ended
from tests.unit.cli.fake_api import FakeApi

Pedidos = Callable[..., Ended]


@pytest.mark.parametrize("scope", list(Scope))
def test_the_key_fits_its_line(pedidos: Pedidos, scope: Scope) -> None:
    made = pedidos("keys", "new", "--scope", scope, "--name", "shop", "--json").document
    (listed,) = parse_keys(made["line"])
    assert (listed.name, listed.scope) == ("shop", scope)
    assert sent_key(made["key"].encode(), [listed]) is listed
    assert len(made["key"]) == len(MARK) + 43


def test_no_key_is_made_twice(pedidos: Pedidos) -> None:
    arguments = ("keys", "new", "--scope", "read", "--name", "shop", "--json")
    assert pedidos(*arguments).document["key"] != pedidos(*arguments).document["key"]


def test_a_person_is_told_where_it_goes(pedidos: Pedidos) -> None:
    ended = pedidos("keys", "new", "--scope", "read", "--name", "shop")
    assert ended.status == 0
    assert all(word in ended.out for word in ("only now", "API_KEYS_FILE", "shop read sha256:"))


@pytest.mark.parametrize("arguments", [("--scope", "admin", "--name", "a"), ("--scope", "read")])
def test_a_wrong_scope_or_no_name_is_refused(pedidos: Pedidos, arguments: tuple[str, ...]) -> None:
    assert pedidos("keys", "new", *arguments).status == 2


def test_a_name_that_no_file_takes_is_refused(pedidos: Pedidos) -> None:
    ended = pedidos("keys", "new", "--scope", "read", "--name", "my shop")
    assert ended.status == 2
    assert "'my shop' is no name" in ended.err


def test_the_name_of_the_single_key_is_refused(pedidos: Pedidos) -> None:
    ended = pedidos("keys", "new", "--scope", "read", "--name", "API_KEY")
    assert ended.status == 2
    assert "API_KEY is the name of the key in that variable" in ended.err


def test_a_scope_that_is_too_small_is_explained(api: FakeApi, pedidos: Pedidos) -> None:
    detail = "the key shop may only read, and POST changes something: send a key of scope operate"
    problem = {"type": "/problems/scope-too-small", "detail": detail}
    api.routes["POST /pedidos/queue/pause"] = (403, problem)
    ended = pedidos("pause", "--api", api.url)
    assert ended.status == 2
    assert "scope operate, with --api-key or API_KEY" in ended.err


def test_the_doctor_looks_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    (missing,) = settings({"API_KEYS_FILE": str(path)})
    assert (missing.level, missing.subject) == (Level.FAIL, "setting API_KEYS_FILE")
    path.write_text("# none yet\n")
    (fine,) = settings({"API_KEYS_FILE": str(path)})
    assert (fine.level, "API_KEYS_FILE" in fine.message) == (Level.OK, True)
