"""The manifests' variables are settings, and settings are in them or left out for a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from pedidos_common.domain.api_keys import Scope, key_of
from pedidos_common.runtime.load_settings import load
from pedidos_generator.settings import GeneratorSettings
from pedidos_orchestrator.settings import OrchestratorSettings, check_guarded
from pedidos_worker.settings import WorkerSettings
from tests.deploy.manifests import OVERLAYS, ROOT, SERVICES, environment, named, of_kind, secrets_of

SETTINGS: dict[str, type[BaseSettings]] = {
    "orchestrator": OrchestratorSettings,
    "generator": GeneratorSettings,
    "worker": WorkerSettings,
}
# Read before any settings are (load_settings).
NOT_IN_A_MODEL = {"SECRETS_DIR"}
# What the Secrets that prod refers to hold; docs/deploy.md says so.
SECRETS = {
    "pedidos-servers": {"MONGO_URI", "REDIS_URL"},
    "pedidos-api": {"API_KEY"},
    "pedidos-webhook": {"WEBHOOK_URL", "WEBHOOK_SECRET"},
    "pedidos-checkout": {
        *("PAYMENT_URL", "PAYMENT_API_KEY", "PAYMENT_WEBHOOK_SECRET"),
        *("SMS_URL", "SMS_API_KEY", "SMTP_URL"),
    },
}
DOCUMENT = (ROOT / "docs" / "deploy.md").read_text()
each = pytest.mark.parametrize(("overlay", "service"), [(o, s) for o in OVERLAYS for s in SERVICES])


def settings_of(service: str) -> set[str]:
    return {field.upper() for field in SETTINGS[service].model_fields}


def secret_keys(service: str) -> set[str]:
    """The files that the prod overlay's Secrets put into the service's folder."""
    workload = named("prod", "Deployment", f"pedidos-{service}")
    return set().union(*(SECRETS[secret["name"]] for secret in secrets_of(workload)))


@each
def test_every_variable_is_a_setting_of_the_service(overlay: str, service: str) -> None:
    assert set(environment(overlay, service)) - NOT_IN_A_MODEL <= settings_of(service)
    assert secret_keys(service) <= settings_of(service)


@each
def test_no_secret_stands_in_an_environment(overlay: str, service: str) -> None:
    assert not set(environment(overlay, service)) & set().union(*SECRETS.values())


@each
def test_a_service_starts_with_the_values(
    overlay: str, service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for setting in settings_of(service):
        monkeypatch.delenv(setting, raising=False)
    values = dict(environment(overlay, service), PROCESS_NAME=f"pedidos-{service}-5d4f9c-x2x7p")
    del values["SECRETS_DIR"]
    if file := values.get("API_KEYS_FILE"):
        values["API_KEYS_FILE"] = str(tmp_path / file.rpartition("/")[2])
        (tmp_path / "keys").write_text(key_of("shop", Scope.OPERATE, b"of-its-secret").line)
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    settings = load(SETTINGS[service])

    if isinstance(settings, OrchestratorSettings):
        check_guarded(settings)


def test_every_setting_is_in_the_manifests_or_left_out_for_a_reason() -> None:
    in_manifests: set[str] = set()
    for service in SERVICES:
        in_manifests |= set(environment("prod", service)) | secret_keys(service)
    everything = set().union(*(settings_of(service) for service in SERVICES))
    rows = re.findall(
        r"^\| (`.*?) \|", _section("Settings that the manifests leave out"), re.MULTILINE
    )
    left_out = set(re.findall(r"`([A-Z_]+)`", " ".join(rows)))
    assert everything - in_manifests == left_out, "docs/deploy.md lists those left out, and why"


def test_the_document_names_the_secrets_and_their_keys() -> None:
    section = _section("Secrets")
    for name, keys in SECRETS.items():
        line = next(line for line in section.splitlines() if f"`{name}`" in line)
        assert keys <= set(re.findall(r"`([A-Z_]+)`", line))


def test_dev_brings_its_servers_addresses() -> None:
    (secret,) = of_kind("dev", "Secret")
    assert set(secret["data"]) == SECRETS["pedidos-servers"]


def _section(title: str) -> str:
    return DOCUMENT.split(f"## {title}\n")[1].split("\n## ")[0]
