"""Each service on its bad days: servers that are away, wrong settings, ports in use."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.service_process import (
    NOBODY,
    SERVICES,
    OwnMongo,
    ServiceProcess,
    each,
    environment,
    patiently,
    refused,
    started,
)
from tests.own_redis import OwnRedis

SECRET = "hunter2-and-more-of-it"
SECRETS = {
    "API_KEY": f"key-{SECRET}",
    "WEBHOOK_SECRET": f"webhook-{SECRET}",
    "WEBHOOK_URL": f"http://u:{SECRET}@{NOBODY}/hook",
    "PAYMENT_API_KEY": f"payment-{SECRET}",
    "PAYMENT_WEBHOOK_SECRET": f"payment-webhook-{SECRET}",
    "SMS_API_KEY": f"sms-{SECRET}",
    "SMTP_URL": f"smtp://u:{SECRET}@{NOBODY}",
}
METRIC = 'pedidos_store_used_ratio{store="redis_memory"}'


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    with OwnRedis() as server:
        yield server


@contextlib.contextmanager
def administering(server: OwnRedis) -> Iterator[redis.Redis]:
    with contextlib.closing(redis.Redis.from_url(server.url, socket_timeout=10)) as client:
        yield client


def memory_used(client: redis.Redis) -> int:
    info: Any = client.info("memory")
    return int(info["used_memory"])


def assert_says_where_it_looks(one: ServiceProcess, server: str, setting: str, at: str) -> None:
    """One line an attempt, by which a person can act; alive, but not ready."""
    line = one.await_line("server_not_reached", server=server)
    assert (line["level"], line["address"], line["attempts"]) == ("warning", at, 1)
    assert line["message"].startswith(f"{server} at {at} does not answer; trying again")
    assert setting in line["message"]
    assert "onnect" in line["reason"], "what the driver met"
    one.await_status("/healthz", 200)
    verdicts = one.await_status("/readyz", 503).json()
    assert verdicts[{"MongoDB": "mongo", "Redis": "redis"}[server]] is False
    assert "Traceback" not in one.said()


def assert_gets_ready(one: ServiceProcess, server: str) -> None:
    ready = one.await_status("/readyz", 200)
    assert ready.json() == {"mongo": True, "redis": True}
    one.await_line("server_reached", server=server)
    assert one.stop(20) == 0


def test_without_mongodb_they_wait_and_are_ready_once_it_is_there(
    tmp_path: Path, own_redis: OwnRedis
) -> None:
    with OwnMongo(tmp_path) as mongo:
        environ = environment(MONGO_URI=mongo.uri, REDIS_URL=own_redis.url)
        with started(tmp_path, environ) as services:
            each(
                services, lambda o: assert_says_where_it_looks(o, "MongoDB", "MONGO_URI", mongo.uri)
            )
            mongo.start()
            each(services, lambda one: assert_gets_ready(one, "MongoDB"))


def test_without_redis_they_wait_and_are_ready_once_it_is_there(
    tmp_path: Path, own_redis: OwnRedis, mongo_uri: str, mongo_database: str
) -> None:
    own_redis.kill()
    url = own_redis.url
    environ = environment(MONGO_URI=mongo_uri, MONGO_DB=mongo_database, REDIS_URL=url)
    with started(tmp_path, environ) as services:
        each(services, lambda one: assert_says_where_it_looks(one, "Redis", "REDIS_URL", url))
        own_redis.start()
        each(services, lambda one: assert_gets_ready(one, "Redis"))


def test_sigterm_ends_the_wait_and_no_secret_was_told(tmp_path: Path) -> None:
    environ = environment(
        MONGO_URI=f"mongodb://shop:{SECRET}@{NOBODY}/?authSource=admin",
        REDIS_URL=f"redis://shop:{SECRET}@{NOBODY}/0",
        LOG_LEVEL="DEBUG",
        LOG_DIR=str(tmp_path / "logs"),
        **SECRETS,
    )

    def waits_in_vain(one: ServiceProcess) -> None:
        for server in ("MongoDB", "Redis"):
            line = one.await_line("server_not_reached", server=server)
            assert "shop:***@" in line["address"]
        one.await_status("/healthz", 200)
        # an attempt may be under way: it is not waited for
        assert one.stop(10) == 0
        assert SECRET not in one.said()
        assert "Traceback" not in one.said()

    with started(tmp_path, environ) as services:
        each(services, waits_in_vain)
    files = list((tmp_path / "logs").iterdir())
    assert files
    assert not [file for file in files if SECRET in file.read_text("utf-8")]


def test_wrong_passwords_are_said_but_not_told(
    tmp_path: Path, own_redis: OwnRedis, mongo_uri: str
) -> None:
    with administering(own_redis) as client:
        client.config_set("requirepass", f"right-{SECRET}")
    host = mongo_uri.removeprefix("mongodb://").strip("/")
    environ = environment(
        MONGO_URI=f"mongodb://nobody:wrong-{SECRET}@{host}/?authSource=admin",
        REDIS_URL=own_redis.url.replace("//", f"//:wrong-{SECRET}@"),
    )
    with started(tmp_path, environ, ("worker",)) as (worker,):
        mongo = worker.await_line("server_not_reached", server="MongoDB")
        cache = worker.await_line("server_not_reached", server="Redis")
        assert "uthentication failed" in mongo["reason"]
        assert "password" in cache["reason"]
        worker.await_status("/readyz", 503)
        assert worker.stop(10) == 0
        assert SECRET not in worker.said()


@pytest.mark.parametrize(
    ("service", "variable", "value", "said"),
    [
        ("orchestrator", "MAX_ORDERS", "many", "MAX_ORDERS=many: must be a whole number"),
        ("orchestrator", "API_KEY", SECRET[:7], "API_KEY: is too short"),
        ("orchestrator", "HOST", "0.0.0.0", "API_KEY is not set and HOST=0.0.0.0 is not loopback"),
        ("orchestrator", "LOG_DIR", "/proc/none", "LOG_DIR=/proc/none can't be written"),
        ("orchestrator", "PORT_FILE", "/proc/none/port", "PORT_FILE=/proc/none/port can't be"),
        ("generator", "GENERATION_CONCURRENCY", "0", "GENERATION_CONCURRENCY=0: must be"),
        ("generator", "MONGO_URI", f"mongodb://u:{SECRET[:7]}/1@h:1", "MONGO_URI: must be an addr"),
        ("generator", "PORT_FILE", "/proc/none/port", "PORT_FILE=/proc/none/port can't be"),
        ("worker", "ORDER_MAX_ATTEMPTS", "0", "ORDER_MAX_ATTEMPTS=0: must be"),
        ("worker", "REDIS_URL", f"redis://:{SECRET[:7]}/1@h:1", "REDIS_URL: must be an address"),
        ("worker", "WEBHOOK_SECRET", f"whsec_{SECRET}", "WEBHOOK_SECRET: must be base64 behind"),
        ("worker", "LOG_DIR", "/proc/none", "LOG_DIR=/proc/none can't be written"),
        ("worker", "SECRETS_DIR", "/proc/none", "SECRETS_DIR=/proc/none: must be a folder"),
    ],
)
def test_a_wrong_setting_is_named(service: str, variable: str, value: str, said: str) -> None:
    told = refused(service, **{variable: value})
    assert said in told
    assert SECRET[:7] not in told


BROKEN_HANDLERS = {
    "no_such_module:handle": "No module named 'no_such_module'",
    "shop_handlers:missing": "no attribute 'missing'",
    "shop_handlers:plain": "is not an async callable",
    "shop_syntax:handle": "SyntaxError",
    "shop_raises:handle": "RuntimeError: no catalogue",
}


@pytest.mark.parametrize(("named", "reason"), BROKEN_HANDLERS.items())
def test_a_handler_that_can_not_be_loaded_is_named(tmp_path: Path, named: str, reason: str) -> None:
    (tmp_path / "shop_handlers.py").write_text("def plain(order): ...\n")
    (tmp_path / "shop_syntax.py").write_text("def handle(:\n")
    (tmp_path / "shop_raises.py").write_text("raise RuntimeError('no catalogue')\n")
    told = refused("worker", ORDER_HANDLER=named, PYTHONPATH=str(tmp_path))
    assert f"ORDER_HANDLER='{named}'" in told
    assert reason in told


@pytest.mark.parametrize("service", SERVICES)
def test_a_port_in_use_is_named_with_its_setting(service: str) -> None:
    setting = "PORT" if service == "orchestrator" else "METRICS_PORT"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused(service, **{setting: str(port)})
    assert f"port {port} on 127.0.0.1 is in use" in told
    assert f"set {setting} to another" in told


def test_a_redis_that_may_evict_is_reported_at_start_and_in_health(
    tmp_path: Path, own_redis: OwnRedis, mongo_uri: str, mongo_database: str
) -> None:
    with administering(own_redis) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    environ = environment(MONGO_URI=mongo_uri, MONGO_DB=mongo_database, REDIS_URL=own_redis.url)

    def warns(one: ServiceProcess) -> None:
        line = one.await_line("redis_may_evict")
        assert (line["level"], line["policy"]) == ("warning", "allkeys-lru")
        assert "noeviction" in line["message"]
        one.await_status("/readyz", 200)  # it works, as long as there is room

    with started(tmp_path, environ) as services:
        each(services, warns)
        health = services[0].get("/pedidos/health/queue").json()
        assert health["status"] == "degraded"
        assert health["redis"] == {"evictionPolicy": "allkeys-lru", "ok": True}
        assert any("allkeys-lru" in warning for warning in health["warnings"])
        with administering(own_redis) as client:
            client.config_set("maxmemory-policy", "noeviction")
        assert services[0].get("/pedidos/health/queue").json()["status"] == "healthy"


def test_a_redis_that_is_nearly_full_is_reported_before_it_is(
    tmp_path: Path, own_redis: OwnRedis, mongo_uri: str, mongo_database: str
) -> None:
    environ = environment(MONGO_URI=mongo_uri, MONGO_DB=mongo_database, REDIS_URL=own_redis.url)
    with (
        started(tmp_path, environ, ("orchestrator",)) as (one,),
        administering(own_redis) as client,
    ):
        one.await_status("/readyz", 200)
        assert one.get("/pedidos/health/queue").json()["status"] == "healthy"
        for number in range(80):  # in small pieces: a large one is counted twice for a while
            client.set(f"not ours {number}", b"x" * 50_000)
        client.config_set("maxmemory", int(memory_used(client) / 0.9))
        health = patiently(
            lambda: (said := one.get("/pedidos/health/queue").json())["warnings"] and said
        )
        assert health["status"] == "degraded"
        memory = next(room for room in health["room"] if room["store"] == "redis_memory")
        assert memory["nearlyFull"]
        assert "raise its maxmemory" in health["warnings"][0]
        line = one.await_line("store_nearly_full", store="redis_memory")
        assert (line["level"], line["message"][:12]) == ("warning", "Redis memory")
        ratio = next(
            text for text in one.get("/metrics").text.splitlines() if text.startswith(METRIC)
        )
        assert 0.8 < float(ratio.split()[1]) < 1.0
        one.await_status("/readyz", 200)


def test_with_a_full_redis_they_start_and_take_the_rings_that_fill_it(
    tmp_path: Path, own_redis: OwnRedis, mongo_uri: str, mongo_database: str
) -> None:
    environ = environment(MONGO_URI=mongo_uri, MONGO_DB=mongo_database, REDIS_URL=own_redis.url)
    with administering(own_redis) as client:
        client.zadd("pedidos:rings:orders", {f"ring-{number}": number for number in range(100)})
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)

    def works_and_says_what_to_do(one: ServiceProcess) -> None:
        line = one.await_line("redis_takes_no_writes")
        assert line["level"] == "warning"
        assert own_redis.url in line["message"]
        assert "maxmemory" in line["message"]
        assert "used memory" in line["reason"]
        verdicts = one.await_status("/readyz", 503).json()
        assert (verdicts["mongo"], verdicts["redis"]) == (True, False)

    with started(tmp_path, environ) as services, administering(own_redis) as client:
        each(services, works_and_says_what_to_do)
        patiently(lambda: client.zcard("pedidos:rings:orders") == 0)
        client.config_set("maxmemory", 0)
        each(services, lambda one: assert_gets_ready(one, "Redis"))
