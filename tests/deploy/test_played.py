"""The dev overlay's pods on a Docker engine: they start, take a run, and end in their time."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.deploy.manifests import SERVICES, named, workloads
from tests.deploy.played import Played, docker, image_of, play, why_not_here
from tests.e2e.stack import until

QUANTITY = 5_000
START_SECONDS = 60.0
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[dict[str, Played]]:
    """All pods of the overlay, servers first."""
    if reason := why_not_here(map(image_of, workloads("dev"))):
        pytest.skip(f"pods were not played: {reason}")
    network = f"played-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        docker("network", "create", network)
        stack.callback(docker, "network", "rm", network)
        started = {}
        for kind, name in [
            ("StatefulSet", "mongo"),
            ("StatefulSet", "redis"),
            *(("Deployment", f"pedidos-{service}") for service in SERVICES),
        ]:
            workload = named("dev", kind, name)
            started[name] = play(stack, "dev", workload, network, tmp_path / name)
        yield started


def all_run(pods: dict[str, Played]) -> bool:
    for played in pods.values():
        played.check_runs()
    return True


def all_ready(pods: Iterable[Played]) -> bool:
    return all(played.answers(probe) for played in pods for probe in PROBES)


def test_pods_start_take_a_run_and_end(pods: dict[str, Played]) -> None:
    ours = [pods[f"pedidos-{service}"] for service in SERVICES]
    until(lambda: all_run(pods) and all_ready(ours), START_SECONDS)

    api = pods["pedidos-orchestrator"].address("http")
    with httpx.Client(base_url=api, trust_env=False, timeout=10.0) as client:
        assert client.post("/pedidos/generate", params={"quantity": QUANTITY}).status_code == 202
        until(lambda: client.get("/pedidos").json()["phase"] == "DONE", START_SECONDS)
        assert client.get("/pedidos").json()["progress"]["processedTotal"] == QUANTITY
        page = client.get("/")
        files = re.findall(r'(?:src|href)="([^":#]+)"', page.text)
        assert files, "the image has the live page"
        assert all(client.get(urljoin("/", file)).is_success for file in files), files

    for played in ours:
        status, seconds = played.end()
        assert status == 0, played.said()
        assert seconds < 30
