"""Several keys, each with its scope: who may look, who may change things, and who is told why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from pedidos_common.domain.api_keys import Scope, key_of
from pedidos_common.runtime import key_file
from pedidos_orchestrator.http.security import SIGNED_PATH
from pedidos_orchestrator.settings import OrchestratorSettings, check_guarded
from tests.unit.api.world import Client, World

START = "/pedidos/generate?quantity=5"
LOOK, OPERATE, SINGLE = "pedidos_look", "pedidos_operate", "the single key"
LINES = (
    key_of("dashboard", Scope.READ, LOOK.encode()).line,
    key_of("shop", Scope.OPERATE, OPERATE.encode()).line,
)


def sending(key: str) -> dict[str, str]:
    return {"x-api-key": key}


def replace_keys(file: Path, *lines: str) -> None:
    file.write_text("\n".join(lines))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("\n".join(LINES))
    return path


@pytest.fixture
async def guarded(world: World, file: Path) -> AsyncIterator[Client]:
    async with world.client_of(world.app(api_key=SINGLE, api_keys_file=file)) as client:
        yield client


@pytest.mark.parametrize("key", [LOOK, OPERATE, SINGLE])
async def test_every_key_may_look(guarded: Client, key: str) -> None:
    assert (await guarded.get("/pedidos", headers=sending(key))).status_code == 200
    assert (await guarded.get("/pedidos/orders", headers=sending(key))).status_code == 200


@pytest.mark.parametrize("key", [OPERATE, SINGLE])
async def test_a_key_that_operates_may_start_a_run(guarded: Client, key: str) -> None:
    assert (await guarded.post(START, headers=sending(key))).status_code == 202


async def test_a_key_that_reads_changes_nothing_and_is_told_why(
    world: World, guarded: Client
) -> None:
    answer = await guarded.post(START, headers=sending(LOOK))
    assert answer.status_code == 403
    problem = answer.json()
    assert problem["type"] == "/problems/scope-too-small"
    assert problem["key"] == "dashboard"
    assert "scope operate" in problem["detail"]
    assert await world.runs.active() is None


async def test_a_read_key_can_use_no_route_that_changes_something(
    world: World, guarded: Client
) -> None:
    paths = world.app().openapi()["paths"]
    changing = [(verb, path) for path, verbs in paths.items() for verb in verbs if verb != "get"]
    assert changing
    changing.remove(("post", SIGNED_PATH))  # its signature is its key
    for verb, path in changing:
        answer = await guarded.request(verb, path, headers=sending(LOOK))
        assert answer.status_code == 403, path


@pytest.mark.parametrize(
    ("headers", "said"),
    [({}, "send an API key in the header x-api-key"), (sending("other"), "taken back")],
)
async def test_who_has_no_key_is_told_what_to_do(
    guarded: Client, headers: dict[str, str], said: str
) -> None:
    answer = await guarded.get("/pedidos", headers=headers)
    assert answer.status_code == 401
    assert said in answer.json()["detail"]
    assert answer.headers["www-authenticate"]


async def test_a_key_that_is_taken_back_is_refused_without_a_restart(
    guarded: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "LOOK_EVERY_SECONDS", 0.0)
    assert (await guarded.get("/pedidos", headers=sending(LOOK))).status_code == 200
    replace_keys(file, key_of("other", Scope.READ, b"pedidos_other").line)
    assert (await guarded.get("/pedidos", headers=sending(LOOK))).status_code == 401
    assert (await guarded.get("/pedidos", headers=sending("pedidos_other"))).status_code == 200
    assert (await guarded.get("/pedidos", headers=sending(SINGLE))).status_code == 200


async def test_metrics_tell_that_the_file_went_wrong_though_nobody_asks_for_anything(
    guarded: Client, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "LOOK_EVERY_SECONDS", 0.0)
    assert "\npedidos_api_keys_file_valid 1.0\n" in (await guarded.get("/metrics")).text
    replace_keys(file, "nonsense")
    assert "\npedidos_api_keys_file_valid 0.0\n" in (await guarded.get("/metrics")).text
    replace_keys(file, *LINES)
    assert "\npedidos_api_keys_file_valid 1.0\n" in (await guarded.get("/metrics")).text


async def test_log_lines_of_a_request_name_its_key(world: World, file: Path) -> None:
    with capture_logs([merge_contextvars]) as lines:
        async with world.client_of(world.app(api_keys_file=file)) as client:
            await client.post(START, headers=sending(OPERATE))
    assert {line["caller"] for line in lines if line["event"] == "request_answered"} == {"shop"}
    assert OPERATE not in str(lines)


def test_a_file_of_keys_guards_an_open_host(file: Path) -> None:
    check_guarded(OrchestratorSettings(host="0.0.0.0", api_keys_file=file))


@pytest.mark.parametrize("content", ["nonsense", None])
def test_a_wrong_file_of_keys_is_named_at_start(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys"
    if content:
        path.write_text(content)
    with pytest.raises(SystemExit) as ended:
        check_guarded(OrchestratorSettings(api_keys_file=path))
    assert ended.value.code == 2
    assert f"API_KEYS_FILE: {path}" in capsys.readouterr().err
