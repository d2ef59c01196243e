"""A whole stack of real processes, as `pedidos up` starts it, to be used and to be hurt."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError

from pedidos_cli.audit import AuditVerdict, audit_run

T = TypeVar("T")
REPOSITORY = Path(__file__).parents[2]
PEDIDOS = str(Path(sys.executable).with_name("pedidos"))
START_SECONDS = 90.0
STOP_SECONDS = 40.0
ENDED = frozenset({"DONE", "ABORTED", "ERROR"})
OWN = ("MONGO_URI", "REDIS_URL", "MONGO_DB", "API_KEY", "PEDIDOS_API", "PORT", "HOST", "LOG_DIR")
SMALL = {
    "GENERATION_CHUNK_SIZE": "1000",
    "ORDERS_BATCH_SIZE": "100",
    "NORMAL_ENQUEUE_BATCH_SIZE": "1000",
    "ORDER_RETRY_BASE_MS": "100",
    "ORDER_MAX_ATTEMPTS": "3",
    "ORDER_HANDLER_TIMEOUT_MS": "500",
}


def until(
    condition: Callable[[], T | None], seconds: float = 30.0, poll_seconds: float = 0.05
) -> T:
    """The first truthy value of `condition`; a server that does not answer is "not yet".

    Raises:
        AssertionError: when that many seconds have passed.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen: T | None = None
        with contextlib.suppress(httpx.TransportError, PyMongoError, OSError):
            seen = condition()
            if seen:
                return seen
        assert time.monotonic() < deadline, f"not so within {seconds} s; last seen: {seen!r}"
        time.sleep(poll_seconds)


@dataclass
class Stack:
    """A running stack. `http` talks to its API, `database` is what its services write."""

    process: subprocess.Popen[bytes]
    folder: Path
    http: httpx.Client
    mongo_uri: str
    database: Database[dict[str, Any]]

    # --- processes

    def document(self) -> dict[str, Any]:
        """`stack.json` at this moment."""
        found: dict[str, Any] = json.loads((self.folder / "stack.json").read_text("utf-8"))
        return found

    def processes(self, role: str) -> list[dict[str, Any]]:
        """The entries of a role, by index."""
        entries = [one for one in self.document()["processes"] if one["role"] == role]
        return sorted(entries, key=lambda one: int(one["index"]))

    def kill(self, role: str, index: int = 0) -> None:
        """`kill -9`, and wait until the supervisor has started another in its place."""
        before = self.processes(role)[index]
        os.kill(before["pid"], signal.SIGKILL)

        def is_back() -> bool:
            now = self.processes(role)[index]
            return bool(now["restarts"] > before["restarts"] and now["pid"] != before["pid"])

        until(is_back)

    def await_ready(self, seconds: float = START_SECONDS) -> None:
        """Every process says that it is ready."""
        until(lambda: self.document()["ready"], seconds)

    def command(self, *arguments: str, timeout: float = 90.0) -> subprocess.CompletedProcess[str]:
        """The command line, talking to this stack."""
        return subprocess.run(
            [PEDIDOS, *arguments],
            env={**_environ(self.folder, {}), "PEDIDOS_API": str(self.http.base_url)},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    # --- the API

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """The object at `path`."""
        answer = self.http.get(path, params=params)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        """What a POST answers when it is accepted."""
        answer = self.http.post(path, params=params)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def start(self, quantity: int, seed: int = 1) -> str:
        """Start a run; its id."""
        return str(self.post("/pedidos/generate", quantity=quantity, seed=seed)["runId"])

    def phase(self) -> str:
        """The present phase."""
        return str(self.get("/pedidos")["phase"])

    def await_phase(self, *phases: str, seconds: float = 60.0) -> str:
        """Wait for one of these phases; which."""

        last: dict[str, Any] = {}

        def reached() -> str | None:
            last.update(self.get("/pedidos"))
            assert last["phase"] in phases or last["phase"] not in ENDED, last
            return str(last["phase"]) if last["phase"] in phases else None

        try:
            return until(reached, seconds, 0.02)
        except AssertionError as late:
            raise AssertionError(f"{phases} not reached in {seconds} s: {last}") from late

    def processed(self) -> int:
        """How many orders are final by the API."""
        return int(self.get("/pedidos")["progress"]["processedTotal"])

    def reset(self) -> None:
        """Back to nothing, whatever is going on."""
        self.post("/pedidos/queue/resume")
        until(lambda: self.http.post("/pedidos/reset?force=true&history=true").is_success, 60)

    def audit(self, run_id: str | None = None) -> AuditVerdict:
        """The independent audit of a run, the newest where none is named, API included."""
        api = str(self.http.base_url)
        return audit_run(self.mongo_uri, self.database.name, run_id, api_url=api)

    def assert_audited(self, run_id: str | None = None) -> None:
        """The audit passes; else its wrong checks are shown."""
        verdict = self.audit(run_id)
        wrong = [check for check in verdict.checks if check.passed is False]
        assert verdict.passed, wrong


@contextlib.contextmanager
def running_stack(
    folder: Path,
    environ: Mapping[str, str],
    generators: int = 1,
    workers: int = 2,
    options: Sequence[str] = (),
) -> Iterator[Stack]:
    """Start a stack in `folder` and wait until it is ready; stop it cleanly afterwards.

    `options` are further ones of `pedidos up`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [PEDIDOS, "up", "--data-dir", str(folder), "--port", "0"]
    command += ["--generators", str(generators), "--workers", str(workers), *options]
    process = _spawn(command, folder, environ)
    try:
        document = _await_document(process, folder)
        with (
            httpx.Client(base_url=document["api"], timeout=30.0, trust_env=False) as http,
            pymongo.MongoClient[dict[str, Any]](
                document["mongo_uri"],
                uuidRepresentation="standard",
                tz_aware=True,
                serverSelectionTimeoutMS=5_000,
            ) as mongo,
        ):
            yield Stack(process, folder, http, document["mongo_uri"], mongo["pedidos"])
    finally:
        _stop(process)


def assert_stops_cleanly(stack: Stack) -> None:
    """SIGTERM ends the stack with status 0 and leaves no process behind."""
    pids = [one["pid"] for one in stack.document()["processes"]]
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(STOP_SECONDS) == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    for log in (stack.folder / "logs").glob("*.log"):
        # a structured line never begins so: what does, ended a process
        _, traceback, end = log.read_text("utf-8", "replace").partition("\nTraceback ")
        assert not traceback, f"{log}: {end[:5_000]}"


def _environ(folder: Path, own: Mapping[str, str]) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name not in OWN}
    folders = [own.get("PYTHONPATH"), str(REPOSITORY), os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(filter(None, folders))
    state = str(folder / "state")
    return {**passed_on, "XDG_STATE_HOME": state, **SMALL, **own, "PYTHONPATH": path}


def _spawn(command: list[str], folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "up.log").open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environ(folder, environ),
            start_new_session=True,
        )


def _await_document(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    def ready() -> dict[str, Any] | None:
        assert process.poll() is None, (folder / "up.log").read_text("utf-8", "replace")[-3000:]
        with contextlib.suppress(ValueError):
            document: dict[str, Any] = json.loads((folder / "stack.json").read_text("utf-8"))
            return document if document["ready"] else None
        return None

    return until(ready, START_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
