"""Pods of a rendered overlay as containers of a Docker engine, as near to a kubelet's as one comes.

From the manifest come image, command, variables, files of secrets, user, read-only root, dropped
capabilities, memory limit, sizes of volumes, names of Services and the time to end. An engine
knows no scheduling, probes over time, policies, budgets or rolling updates.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.deploy.manifests import Resource, container, of_kind, pod, port_number, secrets_of

COMMAND_SECONDS = 60
MEBIBYTE = {"Mi": 1, "Gi": 1024}
# Other images than the manifests', where those can't be had: MONGO_IMAGE=… as for compose.
REPLACED = ("MONGO_IMAGE", "REDIS_IMAGE")


def docker(*arguments: str, seconds: float = COMMAND_SECONDS) -> str:
    """What a docker command prints; fails the test with what it said."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"docker {arguments[0]}: {done.stderr}"
    return done.stdout.strip()


def why_not_here(images: Iterable[str]) -> str | None:
    """Why nothing can be started here: no command, no engine, or an image that it lacks."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    if not _succeeds("info"):
        return "no Docker engine answers"
    for image in images:
        if not _succeeds("image", "inspect", image):
            return f"the engine has no image {image} (make images; MONGO_IMAGE and REDIS_IMAGE)"
    return None


def _succeeds(*arguments: str) -> bool:
    done = subprocess.run(["docker", *arguments], capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def image_of(workload: Resource, environ: Mapping[str, str] = os.environ) -> str:
    """The image of its container, or the one that stands in for it."""
    image: str = container(workload)["image"]
    variable = f"{image.partition(':')[0].upper()}_IMAGE"
    return environ.get(variable, image) if variable in REPLACED else image


@dataclass(frozen=True, slots=True)
class Played:
    """A pod that runs."""

    workload: Resource
    name: str

    def check_runs(self) -> None:
        """Fail the test, with the end of its log, where its container has ended."""
        running = docker("inspect", "--format", "{{.State.Running}}", self.name)
        assert running == "true", f"{self.name} ended by itself: {self.said()}"

    def answers(self, probe: str) -> bool:
        """Whether its HTTP probe succeeds now."""
        asked = container(self.workload)[probe]["httpGet"]
        try:
            with httpx.Client(base_url=self.address(asked["port"]), trust_env=False) as client:
                return client.get(asked["path"], timeout=5.0).is_success
        except httpx.TransportError:
            return False

    def address(self, port: str | int) -> str:
        """Where a port of it is reached from here."""
        number = port_number(self.workload, port)
        return f"http://{docker('port', self.name, f'{number}/tcp').splitlines()[0]}"

    def end(self) -> tuple[int, float]:
        """Tell it to end as a kubelet does; its exit status, and the seconds that it took."""
        grace = pod(self.workload)["terminationGracePeriodSeconds"]
        began = time.monotonic()
        docker("stop", "--time", str(grace), self.name, seconds=grace + COMMAND_SECONDS)
        took = time.monotonic() - began
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", self.name)), took

    def said(self) -> str:
        """The last lines of its log."""
        return subprocess.run(
            ["docker", "logs", "--tail", "20", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        ).stdout


def play(stack: ExitStack, overlay: str, workload: Resource, network: str, folder: Path) -> Played:
    """Start a pod; it is removed when the stack closes."""
    played = Played(workload, f"{network}-{workload['metadata']['name']}")
    # Containers of the engine may not be our user, and must read the files.
    folder.mkdir(mode=0o755)
    entry = container(workload).get("command", [])
    stack.callback(docker, "rm", "--force", "--volumes", played.name)
    docker(
        *("run", "--detach", "--name", played.name, "--network", network),
        *_names(overlay, workload),
        *_confined(workload),
        *_variables(overlay, workload),
        *_volumes(overlay, workload, folder),
        *(f"--publish=127.0.0.1::{p['containerPort']}" for p in container(workload)["ports"]),
        *(("--entrypoint", entry[0]) if entry else ()),
        image_of(workload),
        *entry[1:],
    )
    return played


def _names(overlay: str, workload: Resource) -> Iterator[str]:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    for service in of_kind(overlay, "Service"):
        if service["spec"]["selector"].items() <= labels.items():
            yield f"--network-alias={service['metadata']['name']}"


def _confined(workload: Resource) -> Sequence[str]:
    user = pod(workload)["securityContext"]
    limit = _mebibytes(container(workload)["resources"]["limits"]["memory"])
    return (
        *("--user", f"{user['runAsUser']}:{user['runAsGroup']}", "--read-only"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--memory", f"{limit}m", "--memory-swap", f"{limit}m"),
        *(("--init",) if pod(workload).get("shareProcessNamespace") else ()),
    )


def _variables(overlay: str, workload: Resource) -> Iterator[str]:
    held = container(workload)
    sources = {m["metadata"]["name"]: m["data"] for m in of_kind(overlay, "ConfigMap")}
    for source in held.get("envFrom", []):
        for name, value in sources[source["configMapRef"]["name"]].items():
            yield f"--env={name}={value}"
    for variable in held.get("env", []):
        from_field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        value = workload["metadata"]["name"] if from_field == "metadata.name" else variable["value"]
        yield f"--env={variable['name']}={value}"


def _volumes(overlay: str, workload: Resource, folder: Path) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod(workload).get("volumes", [])}
    for mount in container(workload).get("volumeMounts", []):
        volume, path = volumes[mount["name"]], mount["mountPath"]
        if "emptyDir" in volume:
            size = _mebibytes(volume["emptyDir"].get("sizeLimit", "1Gi"))
            yield f"--tmpfs={path}:size={size}m,mode=1777,{_owner(workload)}"
        elif "projected" in volume:
            _write_secrets(overlay, workload, folder)
            yield f"--volume={folder}:{path}:ro"


def _owner(workload: Resource) -> str:
    # The mode does not take where the image has a folder of that name.
    user = pod(workload)["securityContext"]
    return f"uid={user['runAsUser']},gid={user['fsGroup']}"


def _write_secrets(overlay: str, workload: Resource, folder: Path) -> None:
    made = {secret["metadata"]["name"]: secret["data"] for secret in of_kind(overlay, "Secret")}
    for source in secrets_of(workload):
        for key, value in made.get(source["name"], {}).items():
            (folder / key).write_bytes(base64.b64decode(value))


def _mebibytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * MEBIBYTE[unit]
