"""The sandbox of a stack: its place, its secrets, its settings."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest

from pedidos_cli.data_folder import data_folder
from pedidos_cli.free_ports import free_port
from pedidos_cli.sandbox import SandboxPlace, place_of, plan_sandbox, sandbox_spec


def test_a_folder_keeps_the_ports_and_the_secrets_of_its_sandbox(tmp_path: Path) -> None:
    with data_folder(tmp_path) as folder:
        first = plan_sandbox(folder, [])
        assert plan_sandbox(folder, []) == first
        assert place_of(tmp_path) == first
        port = int(first.url.rpartition(":")[2])
        moved = plan_sandbox(folder, [port])
        assert (moved.url != first.url, moved.smtp_url) == (True, first.smtp_url)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", int(moved.url.rpartition(":")[2])))
            taken.listen()
            again = plan_sandbox(folder, [])
        assert again.url != moved.url
        assert (again.api_key, again.webhook_secret) == (first.api_key, first.webhook_secret)


def test_each_folder_has_secrets_of_its_own(tmp_path: Path) -> None:
    with data_folder(tmp_path / "a") as a, data_folder(tmp_path / "b") as b:
        one, other = plan_sandbox(a, []), plan_sandbox(b, [])
    assert one.api_key != other.api_key
    assert one.webhook_secret != other.webhook_secret
    assert len(base64.b64decode(one.webhook_secret.removeprefix("whsec_"))) == 24


@pytest.mark.parametrize("text", ["", "[]", "{}", "{broken", '{"url": "x"}'])
def test_a_file_that_is_none_of_ours_is_no_sandbox(tmp_path: Path, text: str) -> None:
    (tmp_path / "sandbox.json").write_text(text)
    assert place_of(tmp_path) is None
    with data_folder(tmp_path) as folder:
        plan_sandbox(folder, [])
    assert json.loads((tmp_path / "sandbox.json").read_text())["api_key"]


def test_settings_of_the_caller_are_passed_on_but_for_places_and_secrets(tmp_path: Path) -> None:
    place = SandboxPlace(f"http://127.0.0.1:{free_port()}", "smtp://127.0.0.1:2", "key", "whsec_")
    environ = {"SANDBOX_SEED": "7", "SANDBOX_HOST": "0.0.0.0", "SANDBOX_API_KEY": "other"}
    launch = sandbox_spec(place, environ, "http://api", tmp_path / "log").launch()
    assert launch.command[1:] == ("-m", "pedidos_sandbox")
    assert launch.environ["SANDBOX_SEED"] == "7"
    assert launch.environ["SANDBOX_HOST"] == "127.0.0.1"
    assert launch.environ["SANDBOX_API_KEY"] == "key"
    assert launch.environ["SANDBOX_WEBHOOK_URL"] == "http://api/api/webhooks/payments"
    services = place.for_services({"MAIL_FROM": "shop@example.com"})
    assert services["MAIL_FROM"] == "shop@example.com"
    assert services["PAYMENT_URL"] == services["SMS_URL"] == place.url
