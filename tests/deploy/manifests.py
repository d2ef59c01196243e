"""The manifests as they would be applied: overlays rendered, and ways to look into them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ("dev", "prod")
SERVICES = ("orchestrator", "generator", "worker")
RENDER_SECONDS = 60

Resource = Mapping[str, Any]


@lru_cache
def rendered(overlay: str) -> Sequence[Resource]:
    """Every resource of an overlay; skips the test where nothing on the PATH can render."""
    folder = ROOT / "deploy" / "k8s" / "overlays" / overlay
    done = subprocess.run(
        [*_renderer(), str(folder)],
        capture_output=True,
        text=True,
        timeout=RENDER_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def _renderer() -> Sequence[str]:
    for command in (("kubectl", "kustomize"), ("kustomize", "build")):
        if found := shutil.which(command[0]):
            return found, command[1]
    pytest.skip("neither kubectl nor kustomize is on the PATH, so no manifest was rendered")


def of_kind(overlay: str, *kinds: str) -> Sequence[Resource]:
    """The resources of these kinds."""
    return [resource for resource in rendered(overlay) if resource["kind"] in kinds]


def named(overlay: str, kind: str, name: str) -> Resource:
    """The one resource of that kind and name."""
    (found,) = (r for r in of_kind(overlay, kind) if r["metadata"]["name"] == name)
    return found


def label(resource: Resource) -> str:
    """How a resource is called in a message."""
    return f"{resource['kind']}/{resource['metadata']['name']}"


def workloads(overlay: str) -> Sequence[Resource]:
    """Everything that has pods."""
    return of_kind(overlay, "Deployment", "StatefulSet")


def pod(workload: Resource) -> Resource:
    """The specification of its pods."""
    spec: Resource = workload["spec"]["template"]["spec"]
    return spec


def container(workload: Resource) -> Resource:
    """The one container of its pods."""
    (only,) = pod(workload)["containers"]
    found: Resource = only
    return found


def environment(overlay: str, service: str) -> Mapping[str, str]:
    """A container's variables; one that is filled in at its start has the path of its field."""
    held = container(named(overlay, "Deployment", f"pedidos-{service}"))
    values: dict[str, str] = {}
    for source in held["envFrom"]:
        values |= named(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in held["env"]:
        values[variable["name"]] = variable.get("value") or str(variable["valueFrom"])
    return values


def port_number(workload: Resource, port: str | int) -> int:
    """The number of a container's port that is given by name or number."""
    ports = container(workload)["ports"]
    (found,) = (p["containerPort"] for p in ports if port in {p["name"], p["containerPort"]})
    number: int = found
    return number


def selects(selector: Resource, labels: Mapping[str, str]) -> bool:
    """Whether a label selector fits; `In` is the one operator that the manifests use."""
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", [])
    assert all(expression["operator"] == "In" for expression in among)
    return wanted <= labels.items() and all(
        labels.get(expression["key"]) in expression["values"] for expression in among
    )


def secrets_of(workload: Resource) -> Iterator[Resource]:
    """Where its volumes take secrets from."""
    for volume in pod(workload).get("volumes", []):
        for source in volume.get("projected", {}).get("sources", []):
            if "secret" in source:
                yield source["secret"]
