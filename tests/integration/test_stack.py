"""`pedidos up` as a process of its own: real servers, stand-in services."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pymongo
import pytest
import redis

from tests.unit.cli.fake_services import write_fake_services

PATIENCE_SECONDS = 60.0


def eventually(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def gone(pid: int) -> bool:
    """Whether a process is no more; a zombie is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class RunningStack:
    """A `pedidos up` and what it says about itself."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir

    def document(self) -> dict[str, Any]:
        """What stack.json says; there must never be half of it."""
        file = self.data_dir / "stack.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def ready(self) -> dict[str, Any]:
        """stack.json once it says that the stack is ready."""

        def look() -> dict[str, Any]:
            if self.process.poll() is not None:
                raise AssertionError(f"ended: {self.process.communicate()}")
            document = self.document()
            return document if document.get("ready") else {}

        return dict(eventually(look, "ready"))

    def entry(self, role: str, index: int = 0) -> dict[str, Any]:
        """The line of one process."""
        return next(
            one
            for one in self.document()["processes"]
            if (one["role"], one["index"]) == (role, index)
        )

    def restarted(self, role: str, before: dict[str, Any]) -> dict[str, Any]:
        """The line of a process once it is there again."""

        def look() -> dict[str, Any]:
            entry = self.entry(role, before["index"])
            again = entry["restarts"] > before["restarts"] and entry["pid"] != before["pid"]
            return entry if again and self.document()["ready"] else {}

        return dict(eventually(look, f"{role} restarted"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Ends it; status, standard output, standard error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out, err


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    fakes = write_fake_services(tmp_path / "fakes")
    kept = {k: v for k, v in os.environ.items() if k not in {"MONGO_URI", "REDIS_URL"}}
    return kept | {
        "PYTHONPATH": str(fakes),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path),
    }


def restarted_as(stack: RunningStack, before: dict[str, Any]) -> dict[str, Any]:
    """stack.json once another `up` of the folder says that it is ready."""
    document = stack.document()
    ours = document.get("processes") != before["processes"]
    return document if ours and document.get("ready") else {}


@contextlib.contextmanager
def up(data_dir: Path, environ: dict[str, str], *options: str) -> Iterator[RunningStack]:
    command = [sys.executable, "-m", "pedidos_cli.main", "up", "--data-dir", str(data_dir)]
    with subprocess.Popen(
        [*command, "--port", "0", *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield RunningStack(process, data_dir)
        finally:
            process.kill()


def test_a_stack_lives_through_kills_and_leaves_nothing(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir, environ | {"ORDERS_BATCH_SIZE": "77"}, "--generators", "1") as stack:
        document = stack.ready()
        roles = [(one["role"], one["index"]) for one in document["processes"]]
        assert roles == [
            ("mongod", 0),
            ("redis", 0),
            ("orchestrator", 0),
            ("generator", 0),
            ("worker", 0),
            ("worker", 1),
        ]
        keys = {"ready", "api", "mongo_uri", "redis_url", "processes"}
        assert document.keys() == keys
        for one in document["processes"]:
            assert one.keys() == {"role", "index", "pid", "log", "metrics", "restarts"}
            assert Path(one["log"]).is_file()

        with pymongo.MongoClient[dict[str, Any]](document["mongo_uri"]) as mongo:
            mongo["kept"]["things"].insert_one({"_id": 1})

        for role in ("worker", "redis", "mongod"):
            before = stack.entry(role)
            os.kill(before["pid"], signal.SIGKILL)
            after = stack.restarted(role, before)
            assert after["metrics"] == before["metrics"]
        again = stack.document()
        assert again["mongo_uri"] == document["mongo_uri"]
        assert again["redis_url"] == document["redis_url"]
        with pymongo.MongoClient[dict[str, Any]](again["mongo_uri"]) as mongo:
            assert mongo["kept"]["things"].count_documents({}) == 1
        with contextlib.closing(redis.Redis.from_url(again["redis_url"])) as client:
            info = client.config_get("maxmemory-policy")
            assert info == {"maxmemory-policy": "noeviction"}

        pids = [one["pid"] for one in again["processes"]]
        code, out, err = stack.stop()
        assert (code, out.count("\n")) == (0, 1)
        assert out.startswith(f"Ready: {document['api']} (")
        assert re.search(r"^\d\d:\d\d:\d\d worker-0 was killed by SIGKILL", err, re.MULTILINE)
        assert re.search(
            r"^\d\d:\d\d:\d\d Ready again after the end of .*mongod-0", err, re.MULTILINE
        )
        assert all(map(gone, pids))
        assert stack.document() == {**again, "ready": False, "processes": []}
        log = (data_dir / "logs" / "worker-1.log").read_text()
        assert f"worker started with {document['mongo_uri']} 77" in log
        assert "worker stopped" in log


def test_nothing_is_left_when_the_supervisor_is_killed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir, environ, "--replica-set") as stack:
        document = stack.ready()
        with pymongo.MongoClient[dict[str, Any]](document["mongo_uri"]) as mongo:
            assert mongo.admin.command("hello")["setName"]
            mongo["kept"]["things"].insert_one({"_id": 1})
        stack.process.kill()
    # The same folder at once again: what is left of the killed one dies, and its ports are kept.
    with up(data_dir, environ, "--replica-set") as stack:
        again = eventually(partial(restarted_as, stack, document), "ready again")
        assert again["mongo_uri"] == document["mongo_uri"]
        assert again["redis_url"] == document["redis_url"]
        assert all(gone(one["pid"]) for one in document["processes"])
        assert stack.stop(signal.SIGINT)[0] == 0
    # The same folder on another port: the replica set is still its own.
    (data_dir / "stack.json").unlink()
    with up(data_dir, environ, "--replica-set") as stack:
        moved = stack.ready()
        assert moved["mongo_uri"] != document["mongo_uri"]
        with pymongo.MongoClient[dict[str, Any]](moved["mongo_uri"]) as mongo:
            assert mongo["kept"]["things"].count_documents({}) == 1
        assert stack.stop(signal.SIGINT)[0] == 0
        # It went by itself: nobody had to kill it when its time to stop was over.
        assert '"exitCode":0' in (data_dir / "logs" / "mongod-0.log").read_text()


def test_a_service_that_can_not_start_ends_the_stack_with_its_message(
    tmp_path: Path, environ: dict[str, str], mongo_uri: str, redis_url: str
) -> None:
    options = ("--mongo-uri", mongo_uri, "--redis-url", redis_url, "--workers", "1")
    with up(tmp_path / "data", environ | {"FAKE_CRASH": "worker"}, *options) as stack:
        out, err = stack.process.communicate(timeout=PATIENCE_SECONDS)
        assert stack.process.returncode == 1
        assert out == ""
        assert "ended with status 1 3 times in a row" in err
        assert err.count("starting it again") == 2, "the third time it gives up"
        assert "SETTING_X must be a whole number" in err
        assert "Traceback" not in err


def test_given_servers_are_used_and_left_alone(
    tmp_path: Path, environ: dict[str, str], mongo_uri: str, redis_url: str
) -> None:
    options = ("--mongo-uri", mongo_uri, "--redis-url", redis_url, "--json")
    with up(tmp_path / "data", environ, *options) as stack:
        document = stack.ready()
        assert document["mongo_uri"] == mongo_uri
        assert {one["role"] for one in document["processes"]} == {
            "orchestrator",
            "generator",
            "worker",
        }
        notes = tmp_path / "state" / "pedidos" / "stacks"
        (note,) = (json.loads(file.read_text()) for file in notes.iterdir())
        assert (note["api"], note["pid"]) == (document["api"], stack.process.pid)

        second = subprocess.run(
            [sys.executable, "-m", "pedidos_cli.main", "up", "--data-dir", stack.data_dir],
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert second.returncode == 2
        assert f"in use by another running stack (process {stack.process.pid})" in second.stderr

        port = document["api"].rpartition(":")[2]
        refused = tmp_path / "refused"
        command = [sys.executable, "-m", "pedidos_cli.main", "up", "--data-dir", str(refused)]
        taken = subprocess.run(
            [*command, "--port", port],
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert taken.returncode == 2
        assert f"Port {port} is in use" in taken.stderr
        assert "--port" in taken.stderr
        assert not (refused / "stack.json").exists()

        code, out, _ = stack.stop(signal.SIGINT)
        assert code == 0
        assert json.loads(out) == document
    assert not list(notes.iterdir())
    assert not list(tmp_path.glob("pedidos-*")), "the thrown-away folder is gone"


def test_a_stack_plays_providers_if_asked_to(
    tmp_path: Path, environ: dict[str, str], mongo_uri: str, redis_url: str
) -> None:
    options = ("--mongo-uri", mongo_uri, "--redis-url", redis_url, "--workers", "1", "--sandbox")
    data_dir = tmp_path / "data"
    with up(data_dir, environ | {"SANDBOX_SEED": "7"}, *options) as stack:
        api = stack.ready()["api"]
        place = json.loads((data_dir / "sandbox.json").read_text())
        assert stat.S_IMODE((data_dir / "sandbox.json").stat().st_mode) == 0o600
        expected = {
            "PAYMENT_URL": place["url"],
            "PAYMENT_API_KEY": place["api_key"],
            "PAYMENT_WEBHOOK_SECRET": place["webhook_secret"],
            "SMS_URL": place["url"],
            "SMS_API_KEY": place["api_key"],
            "SMTP_URL": place["smtp_url"],
        }
        for role in ("worker", "orchestrator"):
            seen = psutil.Process(stack.entry(role)["pid"]).environ()
            assert {name: seen.get(name) for name in expected} == expected
            assert seen["MAIL_FROM"]
        before = stack.entry("sandbox")
        own = psutil.Process(before["pid"]).environ()
        assert own["SANDBOX_WEBHOOK_URL"] == f"{api}/api/webhooks/payments"
        assert own["SANDBOX_SEED"] == "7"
        assert authorised(place) == 200
        os.kill(before["pid"], signal.SIGKILL)
        stack.restarted("sandbox", before)
        assert authorised(place) == 200
        code, out, err = stack.stop()
        assert code == 0
        assert f"sandbox of providers at {place['url']}" in out
        logs = "".join(log.read_text() for log in (data_dir / "logs").iterdir())
        for secret in (place["api_key"], place["webhook_secret"]):
            assert secret not in out + err + logs


def authorised(place: dict[str, str]) -> int:
    """The status of a payment that the sandbox is asked to authorise."""
    headers = {"authorization": f"Bearer {place['api_key']}", "idempotency-key": "co_1:payment"}
    body = {"reference": "pay_1", "amount": 1, "currency": "EUR", "method": "tok_ok"}
    url = f"{place['url']}/v1/payments"
    return httpx.post(url, json=body, headers=headers, trust_env=False).status_code


def test_a_thrown_away_folder_is_thrown_away(
    tmp_path: Path, environ: dict[str, str], mongo_uri: str, redis_url: str
) -> None:
    command = [sys.executable, "-m", "pedidos_cli.main", "up", "--port", "0"]
    with subprocess.Popen(
        [*command, "--mongo-uri", mongo_uri, "--redis-url", redis_url],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert "(thrown away at the end)" in process.stdout.readline()
            assert len(list(tmp_path.glob("pedidos-*"))) == 1
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)
    assert not list(tmp_path.glob("pedidos-*"))
