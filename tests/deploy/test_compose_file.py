"""The compose file: what starts, in which order, pinned to what, reachable from where."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import ROOT, SERVICES
from tests.deploy.test_manifest_settings import NOT_IN_A_MODEL, SETTINGS

DEFAULT = {"mongo", "redis", *SERVICES}
PROFILES = {
    "observability": {"prometheus", "grafana", "collector", "jaeger"},
    "load": {"load"},
}
PINNED = re.compile(r"^\$\{[A-Z]+_IMAGE:-[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*\}$")


@lru_cache
def parsed(path: str) -> Any:
    """A YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text())


def services() -> Any:
    return parsed("docker-compose.yml")["services"]


def test_profiles_add_to_what_starts_by_default() -> None:
    of_profile: dict[str | None, set[str]] = {}
    for name, service in services().items():
        for profile in service.get("profiles", [None]):
            of_profile.setdefault(profile, set()).add(name)
    assert of_profile.pop(None) == DEFAULT
    assert of_profile == PROFILES


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_once_its_servers_are_healthy(service: str) -> None:
    waits = services()[service]["depends_on"]
    assert waits == {
        "mongo": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
    }
    assert all("healthcheck" in services()[server] for server in waits)


def test_images_of_others_are_pinned_and_can_be_replaced() -> None:
    for name, service in services().items():
        if "build" in service:
            assert service["build"]["dockerfile"] == "services/Dockerfile"
            assert service["image"] == f"pedidos-{service['build']['target']}"
        else:
            assert PINNED.match(service["image"]), name


def test_everything_is_confined_and_published_on_loopback_only() -> None:
    for name, service in services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert len(service.get("cap_add", [])) == (4 if name == "mongo" else 0), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_the_key_of_the_api_goes_to_who_needs_it() -> None:
    for name in SERVICES:
        told = services()[name]["environment"]["API_KEY"]
        assert told == (None if name == "orchestrator" else ""), name


def test_nobody_logs_in_to_grafana() -> None:
    told = services()["grafana"]["environment"]
    assert told["GF_AUTH_BASIC_ENABLED"] == "false"
    assert told["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert told["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_what_is_mounted_is_there() -> None:
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                assert source in parsed("docker-compose.yml")["volumes"]


@pytest.mark.parametrize("service", SERVICES)
def test_variables_are_settings_of_the_service(service: str) -> None:
    known = {field.upper() for field in SETTINGS[service].model_fields}
    # an empty one keeps away what `.env` has for others
    told = {name for name, value in services()[service]["environment"].items() if value != ""}
    assert told - NOT_IN_A_MODEL <= known


def test_prometheus_scrapes_each_service_where_it_answers() -> None:
    jobs = parsed("deploy/prometheus/prometheus.yml")["scrape_configs"]
    scraped = {job["job_name"]: job["dns_sd_configs"][0] for job in jobs}
    assert set(scraped) == {f"pedidos-{name}" for name in SERVICES}
    for name in SERVICES:
        found, told = scraped[f"pedidos-{name}"], services()[name]["environment"]
        assert found["names"] == [name]
        assert found["port"] == int(told.get("METRICS_PORT") or told["PORT"])


def test_grafana_asks_servers_that_are_there() -> None:
    sources = parsed("deploy/grafana/provisioning/datasources/pedidos.yaml")["datasources"]
    hosts = {re.findall(r"//([a-z]+):", source["url"])[0] for source in sources}
    assert hosts <= PROFILES["observability"]
    (provider,) = parsed("deploy/grafana/provisioning/dashboards/pedidos.yaml")["providers"]
    path = provider["options"]["path"]
    assert f"./deploy/grafana/dashboards:{path}:ro" in services()["grafana"]["volumes"]


def test_what_only_plays_other_peoples_servers_is_in_no_image() -> None:
    assert not [name for name in services() if "sandbox" in name]
    for name in ("services/Dockerfile", ".dockerignore"):
        assert "sandbox" not in (ROOT / name).read_text()
    # the mail server that only the sandbox asks for
    assert "aiosmtpd==" in (ROOT / "requirements/dev.txt").read_text()
    assert "aiosmtpd==" not in (ROOT / "requirements/runtime.txt").read_text()
