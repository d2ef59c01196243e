"""Passwords and keys of a stack reach no log, no answer, no message and no command line."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pymongo
import pytest
import redis

from pedidos_common.domain.api_keys import Scope, key_of
from tests.e2e.stack import Stack, running_stack, until
from tests.own_redis import OwnRedis

KEY, OTHER_KEY = "hunter2-the-api-key", "hunter3-some-other-key"
LISTED = key_of("dashboard", Scope.READ, b"hunter3-a-key-of-the-file")
# what must be percent-encoded in an address may come out in either form
MONGO_PASSWORD, REDIS_PASSWORD = "hunter2/m@ngo", "hunter2:r#dis"
ENCODED = {MONGO_PASSWORD: "hunter2%2Fm%40ngo", REDIS_PASSWORD: "hunter2%3Ar%23dis"}
TOLD_NOWHERE = ("hunter2", "hunter3", LISTED.digest.hex())
SHOWN = (
    *(
        "/pedidos",
        "/pedidos/runs",
        "/pedidos/health/queue",
        "/pedidos/queue/status",
        "/pedidos/dead",
    ),
    *("/pedidos/logs?lines=10000", "/pedidos/queue/jobs?types=waiting,active,delayed,failed"),
    *("/openapi.json", "/metrics", "/readyz", "/healthz"),
)


@pytest.fixture
def mongo_user(mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A user with a password; servers without access control check it all the same."""
    name = f"shop{uuid4().hex[:8]}"
    admin = mongo_client.admin
    admin.command("createUser", name, pwd=MONGO_PASSWORD, roles=["root"])
    yield name
    admin.command("dropUser", name)


def protect(server: OwnRedis) -> None:
    with contextlib.closing(redis.Redis.from_url(server.url, socket_timeout=10)) as client:
        client.config_set("requirepass", REDIS_PASSWORD)


def environment(user: str, mongo_uri: str, database: str, cache: OwnRedis) -> dict[str, str]:
    host = mongo_uri.removeprefix("mongodb://").strip("/")
    return {
        "MONGO_URI": f"mongodb://{user}:{ENCODED[MONGO_PASSWORD]}@{host}/?authSource=admin",
        "MONGO_DB": database,
        "REDIS_URL": cache.url.replace("//", f"//:{ENCODED[REDIS_PASSWORD]}@"),
        "API_KEY": KEY,
        "WEBHOOK_URL": "http://hunter2-user:hunter2-word@127.0.0.1:1/hunter2-path",
        "WEBHOOK_SECRET": "hunter2-signs-webhooks",
        "LOG_LEVEL": "DEBUG",
    }


def run_through_an_outage(stack: Stack, cache: OwnRedis) -> None:
    """A run, while Redis goes, comes back without its password, and gets it again."""
    stack.post("/pedidos/generate", quantity=5_000)
    cache.kill()
    until(lambda: stack.http.get("/readyz").status_code == 503)
    cache.start()
    until(lambda: "AUTH" in (stack.folder / "logs" / "worker-0.log").read_text("utf-8"))
    protect(cache)
    until(lambda: stack.http.get("/readyz").status_code == 200)
    stack.await_phase("DONE")
    # the webhook's address is one where nobody answers: its job has an error to tell
    until(lambda: "notify" in stack.http.get("/pedidos/queue/jobs?types=delayed").text)


def said(stack: Stack) -> Iterator[tuple[str, str]]:
    """Everything that the stack has said, and where."""
    for log in [stack.folder / "up.log", *(stack.folder / "logs").iterdir()]:
        yield log.name, log.read_text("utf-8")
    for path in SHOWN:
        answer = stack.http.get(path)
        assert answer.status_code == 200, answer.text
        yield path, answer.text
    run_id = stack.get("/pedidos")["lastRunId"]
    yield "the run", stack.http.get(f"/pedidos/runs/{run_id}").text
    for one in stack.document()["processes"]:
        yield f"the command line of {one['role']}", str(psutil.Process(one["pid"]).cmdline())


def refusals(stack: Stack) -> Iterator[tuple[str, str]]:
    """What someone with another key, or none, is told."""
    for given in ({}, {"x-api-key": OTHER_KEY}, {"authorization": f"Bearer {KEY}"}):
        answer = httpx.get(f"{stack.http.base_url}/pedidos", headers=given, trust_env=False)
        assert answer.status_code == 401
        yield "a refusal", answer.text + str(answer.headers)


def commands(stack: Stack) -> Iterator[tuple[str, str]]:
    for arguments in (["status"], ["doctor"], ["logs", "--json"], ["audit", "--json"]):
        for key, status in ((KEY, 0), (OTHER_KEY, None)):
            ran = stack.command(*arguments, "--api-key", key)
            assert status in {None, ran.returncode}, ran.stdout + ran.stderr
            yield f"pedidos {arguments}", ran.stdout + ran.stderr


def scoped(stack: Stack) -> Iterator[tuple[str, str]]:
    """What someone with a key of the file is told: it may look, and no more."""
    headers = {"x-api-key": "hunter3-a-key-of-the-file"}
    with httpx.Client(base_url=stack.http.base_url, headers=headers, trust_env=False) as client:
        for answer in (client.get("/pedidos"), client.post("/pedidos/queue/pause")):
            yield "a scoped key", answer.text + str(answer.headers)
        assert answer.status_code == 403


@pytest.mark.timeout(180)
def test_no_secret_is_told_anywhere(
    tmp_path: Path, mongo_user: str, mongo_uri: str, mongo_database: str
) -> None:
    with OwnRedis() as cache:
        protect(cache)
        environ = environment(mongo_user, mongo_uri, mongo_database, cache)
        environ["API_KEYS_FILE"] = str(tmp_path / "keys")
        (tmp_path / "keys").write_text(LISTED.line)
        with running_stack(tmp_path / "stack", environ, workers=1) as stack:
            stack.http.headers["x-api-key"] = KEY
            run_through_an_outage(stack, cache)
            told = [*refusals(stack), *scoped(stack), *commands(stack), *said(stack)]
            document = stack.folder / "stack.json"
            # it has the addresses, by which others connect
            assert stat.S_IMODE(document.stat().st_mode) == 0o600
        told.append(("the end", (stack.folder / "up.log").read_text("utf-8")))
    wrong = [
        (where, text[max(0, text.find(part) - 200) :][:400])
        for where, text in told
        for part in TOLD_NOWHERE
        if part in text
    ]
    assert not wrong
