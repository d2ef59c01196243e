"""A real Prometheus on loopback, for as long as a test lasts."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.e2e.stack import Stack, until
from tests.monitoring.rules import program
from tests.servers import free_port

START_SECONDS = 60.0
STOP_SECONDS = 20.0
Targets = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Scrapes each second. `targets_file` is read again as soon as it changes."""

    http: httpx.Client
    targets_file: Path

    def watch(self, targets: Targets) -> None:
        """From now on scrape these addresses (`host:port`, by job)."""
        found = [{"labels": {"job": job}, "targets": list(at)} for job, at in targets.items()]
        draft = self.targets_file.with_suffix(".new")
        draft.write_text(json.dumps(found), "utf-8")
        draft.replace(self.targets_file)

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The samples that an expression has at this moment, those that are numbers."""
        said = self.http.post("/api/v1/query", data={"query": expr}).json()
        assert said["status"] == "success", (expr, said)
        result = said["data"]["result"]
        if said["data"]["resultType"] == "scalar":
            return [{"metric": {}, "value": result}]
        return [one for one in result if not math.isnan(float(one["value"][1]))]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        found = self.http.get("/api/v1/alerts").json()["data"]["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}


def targets_of(stack: Stack) -> Targets:
    """Where the services of a local stack answer, as `stack.json` says."""
    roles = ("orchestrator", "generator", "worker")
    return {
        f"pedidos-{role}": [
            httpx.URL(one["metrics"]).netloc.decode() for one in stack.processes(role)
        ]
        for role in roles
    }


@contextlib.contextmanager
def running_prometheus(
    folder: Path, targets: Targets, rules: Sequence[Path]
) -> Iterator[Prometheus]:
    """Started and ready; skips the test where there is none."""
    binary, port = program("prometheus"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_config(folder, rules)), "utf-8")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20.0) as http:
        started = Prometheus(http, folder / "targets.json")
        started.watch(targets)
        with _process(binary, config, port):
            until(lambda: http.get("/-/ready").is_success, START_SECONDS)
            yield started


def _config(folder: Path, rules: Sequence[Path]) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": "pedidos",
                "file_sd_configs": [{"files": [str(folder / "targets.json")]}],
            }
        ],
    }


@contextlib.contextmanager
def _process(binary: str, config: Path, port: int) -> Iterator[None]:
    command = [binary, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    command += [f"--storage.tsdb.path={config.parent / 'data'}", "--log.level=warn"]
    with (config.parent / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
