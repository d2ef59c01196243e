"""The doctor says what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pedidos_cli.doctor import machine
from pedidos_cli.doctor.finding import Finding, Level
from pedidos_cli.doctor.servers import judge_mongo, judge_redis, skew
from pedidos_cli.doctor.services import judge_health, judge_processes
from pedidos_cli.doctor.settings import settings
from pedidos_cli.stores.mongo import MongoFacts
from pedidos_cli.stores.redis import RedisFacts
from tests.unit.cli.conftest import Ended
from tests.unit.cli.fake_api import FakeApi

HEALTH: dict[str, Any] = {
    "status": "healthy",
    "phase": "IDLE",
    "isStuck": False,
    "workers": [
        {"name": "w1", "service": "worker", "ageSeconds": 1.0},
        {"name": "g1", "service": "generator", "ageSeconds": 2.0},
    ],
    "warnings": [],
}


def levels(findings: Any) -> list[Level]:
    return [one.level for one in findings]


def only(findings: Any, level: Level) -> list[Finding]:
    return [one for one in findings if one.level is level]


def test_python_versions() -> None:
    assert machine.python((3, 10)).level is Level.FAIL
    assert machine.python((3, 11)).level is Level.OK
    assert machine.python((3, 14)).level is Level.WARN


def test_programs_matter_only_without_an_address() -> None:
    failing = machine.programs("mongod", None, [])
    assert failing.level is Level.FAIL
    assert "MONGO_URI" in failing.remedy
    assert machine.programs("mongod", "mongodb://m", []).level is Level.OK


@pytest.mark.parametrize(
    ("free", "level"), [(10**11, Level.OK), (2 * 10**9, Level.WARN), (10**8, Level.FAIL)]
)
def test_room_on_the_disk(free: int, level: Level) -> None:
    assert levels(machine.disk(None, free)) == [level]


def test_room_in_a_folder(tmp_path: Path) -> None:
    assert len(list(machine.disk(tmp_path))) == 1
    assert not list(machine.disk(None))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORDERS_BATCH_SIZE", "0"),
        ("MAX_ORDERS", "many"),
        ("ORDER_RETRY_BASE_MS", "-1"),
        ("LOG_MEMORY", "perhaps"),
        ("API_KEY", "short"),
        ("ORDER_HANDLER", "nocolon"),
        ("ORDER_HANDLER", "absent_module:handle"),
        ("ORDER_HANDLER", "json:absent"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    (finding,) = settings({name: value})
    assert finding.level is Level.FAIL
    assert name in finding.subject


def test_right_settings_are_one_line() -> None:
    given = {"ORDERS_BATCH_SIZE": "1", "LOG_MEMORY": "true", "ORDER_HANDLER": "json:dumps"}
    assert levels(settings(given)) == [Level.OK]
    assert levels(settings({})) == [Level.OK]


def test_mongo() -> None:
    good = MongoFacts("6.0.5", "standalone", None, 0.01, None)
    assert set(levels(judge_mongo(good))) == {Level.OK}
    old = MongoFacts("5.0.1", "replica set x", "not authorized", -3.0, None)
    assert levels(judge_mongo(old)) == [Level.FAIL, Level.FAIL, Level.WARN]
    assert "3.00 s behind" in skew(-3.0).message


def test_redis() -> None:
    assert set(levels(judge_redis(RedisFacts("7", "noeviction", 10, None)))) == {Level.OK}
    bad = list(judge_redis(RedisFacts("7", "allkeys-lru", 95, 100)))
    assert levels(bad) == [Level.OK, Level.FAIL, Level.WARN]
    assert "noeviction" in bad[1].remedy


def test_processes_by_heartbeat() -> None:
    assert levels(judge_processes(HEALTH["workers"])) == [Level.OK, Level.OK]
    old = [{"name": "w1", "service": "worker", "ageSeconds": 60.0}]
    assert levels(judge_processes(old)) == [Level.FAIL, Level.FAIL, Level.WARN]


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({"isStuck": True}, Level.FAIL),
        ({"status": "paused"}, Level.WARN),
        ({"status": "error"}, Level.WARN),
        ({}, Level.OK),
    ],
)
def test_health(changed: dict[str, Any], level: Level) -> None:
    assert levels(judge_health(HEALTH | changed)) == [level]


def test_doctor_of_a_stack(
    api: FakeApi, pedidos: Callable[..., Ended], mongo_uri: str, redis_url: str
) -> None:
    api.routes |= {"GET /readyz": {"mongo": True}, "GET /pedidos/health/queue": HEALTH}
    servers = ("--mongo-uri", mongo_uri, "--redis-url", redis_url)
    ended = pedidos("doctor", "--api", api.url, *servers, "--json")
    subjects = {one["subject"]: one["level"] for one in ended.document["findings"]}
    assert subjects.keys() >= {"Python", "API", "workers", "MongoDB", "MongoDB writes", "Redis"}
    assert subjects.keys() >= {"clocks", "disk", "Redis eviction", "settings", "embedded mongod"}
    failed = [name for name, level in subjects.items() if level == "fail"]
    assert (ended.status, ended.document["ok"]) == (int(bool(failed)), not failed)


def test_doctor_without_a_stack_still_looks_at_the_machine(
    pedidos: Callable[..., Ended],
) -> None:
    ended = pedidos("doctor")
    assert ended.status == 1
    assert "fail API" in ended.out
    assert "Python" in ended.out


def test_addresses_that_are_none_are_not_told(
    pedidos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://u:12/hunter2@h:1/")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2/3@h:1/0")
    ended = pedidos("doctor", "--api", "http://127.0.0.1:1")
    assert "must be an address like mongodb://" in ended.out
    assert "must be an address like redis://" in ended.out
    assert "hunter2" not in ended.out + ended.err


def test_a_missing_key_is_the_remedy(api: FakeApi, pedidos: Callable[..., Ended]) -> None:
    api.routes |= {"GET /readyz": {"mongo": True}}
    api.routes["GET /pedidos/health/queue"] = (401, {"detail": "send the API key"})
    ended = pedidos("doctor", "--api", api.url)
    assert "--api-key or API_KEY" in ended.out
    assert "orchestrator's log" not in ended.out


def test_a_stack_that_is_not_ready_says_what_it_misses(
    api: FakeApi, pedidos: Callable[..., Ended]
) -> None:
    reasons = {"mongo": "it has acknowledged no write"}
    api.routes["GET /readyz"] = (503, {"mongo": False, "redis": True, "reasons": reasons})
    ended = pedidos("doctor", "--api", api.url)
    assert f"{api.url} is not ready: no mongo; mongo: it has acknowledged no write" in ended.out
