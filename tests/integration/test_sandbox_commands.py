"""`pedidos sandbox` against a sandbox."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pedidos_cli.main import main
from pedidos_cli.sandbox import SandboxPlace
from pedidos_cli.stack_file import write_whole
from pedidos_cli.stack_notes import StackNote, notes_folder, remember
from tests.sandbox import Sandbox


class Terminal:
    """Runs the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["sandbox", *arguments])
        said = self._capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    def document(self, *arguments: str) -> Any:
        """What it prints for machines."""
        status, out, err = self(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Terminal:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("PEDIDOS_API", "PEDIDOS_SANDBOX", "SANDBOX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Terminal(capsys)


def charge(sandbox: Sandbox) -> None:
    body = {"reference": "pay_7", "amount": 1990, "currency": "EUR", "method": "tok_ok"}
    headers = {"idempotency-key": "co_7:payment"}
    answer = sandbox.provider.post("/v1/payments", json=body, headers=headers)
    assert answer.is_success, answer.text
    payment = answer.json()["id"]
    path = f"/v1/payments/{payment}/capture"
    sandbox.provider.post(path, json={}, headers={"idempotency-key": "co_7:capture"})


def test_faults_are_added_shown_and_ended(sandbox: Sandbox, terminal: Terminal) -> None:
    at = ("--sandbox", sandbox.url)
    assert "Nothing goes wrong" in terminal("faults", *at)[1]
    status, out, _ = terminal("faults", "capture", "timeout_after", "--times", "3", *at)
    assert status == 0
    assert "timeout_after" in out
    (fault,) = terminal.document("faults", *at)["data"]
    assert (fault["operation"], fault["times"], fault["share"]) == ("capture", 3, 1.0)
    assert "Nothing goes wrong" in terminal("faults", "--end", *at)[1]


def test_the_ledger_is_shown_part_by_part_and_page_by_page(
    sandbox: Sandbox, terminal: Terminal
) -> None:
    at = ("--sandbox", sandbox.url)
    for _ in range(2):
        charge(sandbox)
    summary = terminal.document("ledger", *at)
    assert (summary["payments"], summary["keys"], summary["webhooks"]) == (1, 2, 2)
    assert "payments: 1" in terminal("ledger", *at)[1]
    status, out, _ = terminal("ledger", "payments", *at)
    assert status == 0
    assert "pay_7" in out
    assert "authorise > capture" in out
    status, out, _ = terminal("ledger", "keys", "--limit", "1", *at)
    assert "There is more: --after 1" in out
    assert terminal.document("ledger", "keys", "--after", "1", *at)["next"] is None
    assert terminal("reset", *at)[0] == 0
    assert terminal.document("ledger", *at)["payments"] == 0
    assert "No mail." in terminal("ledger", "mail", *at)[1]


def test_the_sandbox_of_the_stack_that_runs_here_is_found(
    sandbox: Sandbox, terminal: Terminal, tmp_path: Path
) -> None:
    folder = notes_folder({"XDG_STATE_HOME": str(tmp_path / "state")})
    note = StackNote(str(tmp_path / "stack.json"), "http://127.0.0.1:1", "mongodb://m", "r", "db")
    remember(folder, note)
    status, _, err = terminal("ledger")
    assert status == 3
    assert "has no sandbox" in err
    assert "pedidos up --sandbox" in err
    place = SandboxPlace(sandbox.url, sandbox.smtp_url, "key", "secret")
    write_whole(tmp_path / "sandbox.json", asdict(place))
    assert terminal.document("ledger")["payments"] == 0
    write_whole(tmp_path / "sandbox.json", asdict(place) | {"url": "http://127.0.0.1:1"})
    status, _, err = terminal("ledger")
    assert status == 3
    assert "No sandbox answers at http://127.0.0.1:1" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("faults", "capture"),
        ("faults", "capture", "twice"),
        ("faults", "nonsense", "fail"),
        ("faults", "capture", "fail", "--end"),
        ("ledger", "nonsense"),
    ],
)
def test_what_makes_no_sense_is_refused(
    sandbox: Sandbox, terminal: Terminal, arguments: tuple[str, ...]
) -> None:
    status, out, err = terminal(*arguments, "--sandbox", sandbox.url)
    assert (status, out) == (2, "")
    assert err
    assert "went wrong that should not" not in err
    assert sandbox.happened() == 0
