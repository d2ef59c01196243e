"""The compose file on a Docker engine: started in its order, loaded, and taken down."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.deploy.manifests import ROOT, SERVICES
from tests.deploy.played import docker, why_not_here
from tests.deploy.test_compose_file import DEFAULT, services

COMMAND_SECONDS = 90
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Project:
    """A project of its own beside others, its API on any free port."""

    def __init__(self) -> None:
        self.name = f"composed-{secrets.token_hex(4)}"

    def compose(self, *arguments: str, **environ: str) -> str:
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.name, *arguments],
            cwd=ROOT,
            env={**os.environ, "PEDIDOS_PORT": "0", **environ},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def images() -> Iterator[str]:
    for name in sorted(DEFAULT):
        image: str = services()[name]["image"]
        variable, _, default = image.removeprefix("${").removesuffix("}").partition(":-")
        yield os.environ.get(variable, default) if default else image


@pytest.fixture
def project() -> Iterator[Project]:
    if reason := why_not_here(images()):
        pytest.skip(f"compose was not started: {reason}")
    made = Project()
    try:
        yield made
    finally:
        made.compose("--profile", "*", "down", "--volumes", "--timeout", "30")


def test_it_starts_in_order_takes_runs_and_grows(project: Project) -> None:
    began = time.time()
    project.compose("up", "--detach", "--wait", "--no-build")
    states = [json.loads(line) for line in project.compose("ps", "--format", "json").splitlines()]
    assert {state["Service"] for state in states} == DEFAULT
    assert {state["Health"] for state in states} == {"healthy"}
    seen = happened(project.name, began)
    for service in SERVICES:
        first = seen.index((service, "start"))
        for server in ("mongo", "redis"):
            assert (server, "health_status: healthy") in seen[:first], (service, server)

    said = project.compose("run", "--rm", "load", LOAD_RUNS="2", LOAD_QUANTITY="3000")
    assert said.count("DONE after") == 2
    assert said.count("3000 processed, 0 failed") == 2

    project.compose("up", "--detach", "--wait", "--no-build", "--scale", "worker=3")
    assert len(project.compose("ps", "--quiet", "worker").split()) == 3


def happened(project: str, since: float) -> list[tuple[str, str]]:
    """Services of the project and what befell their containers, in order."""
    told = docker(
        *("events", "--since", f"{since:.3f}", "--until", f"{time.time():.3f}"),
        *("--filter", "type=container"),
        *("--filter", f"label=com.docker.compose.project={project}"),
        *("--format", '{{index .Actor.Attributes "com.docker.compose.service"}}|{{.Action}}'),
    )
    return [(line.partition("|")[0], line.partition("|")[2]) for line in told.splitlines()]
