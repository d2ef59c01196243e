"""Ports, folders, logs and environments of a stack."""

from __future__ import annotations

import asyncio
import re
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pedidos_cli import process_log
from pedidos_cli.data_folder import data_folder
from pedidos_cli.embedded import servers
from pedidos_cli.embedded.addresses import redis_address
from pedidos_cli.embedded.candidates import Binary
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.former_stack import DYING_SECONDS, POLL_SECONDS, former_gone, former_ports
from pedidos_cli.free_ports import free_port, is_free
from pedidos_cli.http_probe import http_status
from pedidos_cli.services import ServiceSettings, check_installed, orchestrator, pod
from pedidos_cli.stack_file import ProcessEntry, StackDocument, read_stack, write_stack
from pedidos_cli.stack_plan import StackOptions, claim_port, plan_stores
from tests.unit.cli.fake_api import FakeApi


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(CliError, match=rf"Port {port} is in use.*--port") as error:
            claim_port(port)
        assert error.value.status is ExitStatus.USAGE


def test_free_ports_are_outside_the_range_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = free_port()
    assert is_free(port)
    assert port < lowest
    assert claim_port(0) < lowest


async def test_the_probe_reads_the_status(api: FakeApi) -> None:
    port = int(api.url.rpartition(":")[2])
    api.routes["GET /readyz"] = (503, {})
    assert await http_status(port, "/readyz", 2.0) == 503
    assert await http_status(free_port(), "/readyz", 2.0) is None


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with (
        data_folder(tmp_path / "data"),
        pytest.raises(CliError, match=r"in use by another running stack.*--data-dir"),
        data_folder(tmp_path / "data"),
    ):
        pass
    with data_folder(tmp_path / "data") as again:
        assert again.kept


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CliError, match="can't be used"),
        data_folder(tmp_path / "file" / "data"),
    ):
        pass


def test_an_unnamed_folder_is_thrown_away() -> None:
    with data_folder(None) as folder:
        folder.log("worker", 0).write_text("line")
        root = folder.root
    assert not root.exists()


def test_folders_that_killed_stacks_left_are_swept_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = ["pedidos-left", "pedidos-data", "pedidos-reused", "else-where", "pedidos-not-ours"]
    left, named, reused, foreign, _ = (tmp_path / name for name in names)
    for name in names:
        (tmp_path / name / "mongo").mkdir(parents=True)
    for one in (left, reused, foreign):
        (one / "throwaway.lock").touch()
    (tmp_path / "pedidos-link").symlink_to(foreign)
    for one in (named, reused):
        with data_folder(one):
            pass
    with data_folder(None) as first, data_folder(None) as second:
        assert first.root.is_dir()
        assert second.root.parent == tmp_path
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[1:], "pedidos-link"])


def left_behind(folder: Path, mongo_port: int, redis_port: int, pid: int = 1) -> StackDocument:
    """What a stack that was killed leaves in its folder."""
    left = StackDocument(
        True,
        "http://127.0.0.1:3100",
        f"mongodb://127.0.0.1:{mongo_port}",
        f"redis://127.0.0.1:{redis_port}/0",
        [ProcessEntry("mongod", 0, pid, "mongod-0.log", None, 0)],
    )
    write_stack(folder / "stack.json", left)
    return left


def test_a_stack_file_that_was_left_behind_does_not_pass_for_a_running_stack(
    tmp_path: Path,
) -> None:
    left = left_behind(tmp_path, 20_001, 20_002)
    with data_folder(tmp_path) as folder:
        assert folder.before == left
        assert read_stack(folder.stack_file) == replace(left, ready=False, processes=[])
    (tmp_path / "stack.json").write_text('{"ready": true}')
    with data_folder(tmp_path) as folder:
        assert folder.before is None
        assert not folder.stack_file.exists()


def test_servers_get_the_ports_that_the_folder_had(tmp_path: Path) -> None:
    mongo_port = free_port()
    redis_port = free_port([mongo_port])
    left = left_behind(tmp_path, mongo_port, redis_port)
    with data_folder(tmp_path) as folder:
        stores = plan_stores(StackOptions(), folder, 1)
        assert (stores.mongo_uri, stores.redis_url) == (left.mongo_uri, left.redis_url)
        moved = plan_stores(StackOptions(), folder, redis_port)
        assert (moved.mongo_uri, moved.redis_url != left.redis_url) == (left.mongo_uri, True)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", mongo_port))
            taken.listen()
            assert plan_stores(StackOptions(), folder, 1).mongo_uri != left.mongo_uri


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://127.0.0.1:27017",
        "mongodb://elsewhere:20001",
        "mongodb://a:b@127.0.0.1:20001",
        "mongodb://a:20001,b:20001",
        "",
    ],
)
def test_the_port_of_a_server_that_was_given_is_not_taken(address: str) -> None:
    assert former_ports(StackDocument(False, "", address, address, [])) == (0, 0)


async def test_processes_of_a_killed_stack_are_waited_for(tmp_path: Path) -> None:
    dying = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
    waiting = asyncio.create_task(former_gone(left_behind(tmp_path, 1, 2, dying.pid)))
    done, _ = await asyncio.wait({waiting}, timeout=POLL_SECONDS)
    assert not done
    dying.kill()
    await dying.wait()
    await asyncio.wait_for(waiting, DYING_SECONDS)


def test_logs_are_rotated_and_bounded(tmp_path: Path) -> None:
    log = tmp_path / "worker-0.log"
    for number in range(6):
        process_log.rotate(log, keep=3)
        log.write_text(f"start {number}")
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["worker-0.log", *(f"worker-0.log.{number}" for number in (1, 2, 3))]
    assert (tmp_path / "worker-0.log.3").read_text() == "start 2"


def test_a_log_that_grows_is_trimmed_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "worker-0.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old line\n" * 20)
        assert process_log.trim(log, max_bytes=100)
        writer.write(b"new line\n")
    assert log.read_text() == "new line\n"
    assert (tmp_path / "worker-0.log.1").read_text() == "old line\n" * 20
    assert not process_log.trim(log, max_bytes=100)


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert process_log.tail(log) == []
    log.write_text("".join(f"line {number}\n\n" for number in range(9_000)))
    assert process_log.tail(log, lines=2) == ["line 8998", "line 8999"]


def test_services_inherit_settings_but_not_addresses(tmp_path: Path) -> None:
    environ = {
        "ORDER_HANDLER": "shop.orders:handle",
        "ORDERS_BATCH_SIZE": "7",
        "PORT": "80",
        "REDIS_HOST": "elsewhere",
        "MONGO_URI": "mongodb://elsewhere",
        "HOST": "0.0.0.0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_SERVICE_NAME": "all of them",
    }
    settings = ServiceSettings(environ, "mongodb://here", "redis://here", "db")
    spec = pod("worker", 1, settings, tmp_path / "log")
    first, second = spec.launch(), spec.launch()
    assert first.environ["ORDER_HANDLER"] == "shop.orders:handle"
    assert first.environ["ORDERS_BATCH_SIZE"] == "7"
    assert first.environ["MONGO_URI"] == "mongodb://here"
    assert first.environ["MONGO_DB"] == "db"
    assert first.environ["HOST"] == "127.0.0.1"
    assert first.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert not first.environ.keys() & {"PORT", "REDIS_HOST", "OTEL_SERVICE_NAME"}
    assert (
        first.metrics
        == second.metrics
        == (f"http://127.0.0.1:{first.environ['METRICS_PORT']}/metrics")
    )
    assert first.command[1:] == ("-m", "pedidos_worker")
    assert first.environ["PROCESS_NAME"] == second.environ["PROCESS_NAME"]


def test_the_processes_of_all_stacks_have_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ServiceSettings({"PROCESS_NAME": "mine"}, "mongodb://here", "redis://here", "db")

    def names() -> set[str]:
        places = [("worker", 0), ("worker", 1), ("generator", 0)]
        specs = [pod(role, index, settings, tmp_path / "log") for role, index in places]
        specs.append(orchestrator(settings, 3000, tmp_path / "log"))
        return {spec.launch().environ["PROCESS_NAME"] for spec in specs}

    monkeypatch.setattr("socket.gethostname", lambda: "a host's name")
    one = names()
    monkeypatch.setattr("os.getpid", lambda: 4711)
    assert len(one | names()) == 8
    assert all(re.fullmatch(r"[\w.:-]{1,120}", name) for name in one)


def test_a_service_whose_metrics_port_was_taken_gets_another(tmp_path: Path) -> None:
    spec = pod("worker", 0, ServiceSettings({}, "m", "r", "db"), tmp_path / "log")
    port = int(spec.launch().environ["METRICS_PORT"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert int(spec.launch().environ["METRICS_PORT"]) != port


def test_services_that_are_not_installed_are_named() -> None:
    with pytest.raises(CliError, match=r"pedidos_absent.*make setup"):
        check_installed(("absent",))


@pytest.mark.parametrize(
    ("option", "address"),
    [("mongo_uri", "localhost:27017"), ("redis_url", "localhost:6379")],
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, option: str, address: str) -> None:
    good = StackOptions(mongo_uri="mongodb://m", redis_url="redis://r")
    wrong: Any = {option: address}
    with data_folder(tmp_path) as folder, pytest.raises(CliError, match=option.upper()):
        plan_stores(replace(good, **wrong), folder, 1)


@pytest.mark.parametrize(
    ("mongo_uri", "redis_url"),
    [
        ("mongodb://m", "http://:secret@r:1"),
        ("mongodb://m", "redis://:secret/1@r:1"),
        ("mongodb://u:1/secret@m:1", "redis://r"),
    ],
)
def test_a_password_in_a_wrong_address_is_not_shown(
    tmp_path: Path, mongo_uri: str, redis_url: str
) -> None:
    options = StackOptions(mongo_uri=mongo_uri, redis_url=redis_url)
    with data_folder(tmp_path) as folder, pytest.raises(CliError) as error:
        plan_stores(options, folder, 1)
    assert "secret" not in error.value.message


def test_servers_are_small_and_private(tmp_path: Path) -> None:
    binary = Binary(Path("/x/server"), "on the PATH", "7.0.0")
    mongod = " ".join(servers.mongod(binary, tmp_path, 1234, replica_set=True).command)
    assert "--bind_ip 127.0.0.1 --port 1234" in mongod
    memory_gb = psutil.virtual_memory().total / (1 << 30)
    assert 1 <= servers.cache_gb() <= max(1, 0.3 * memory_gb)
    assert f"--wiredTigerCacheSizeGB {servers.cache_gb():.2f}" in mongod
    assert "--replSet" in mongod
    redis = " ".join(servers.redis_server(binary, tmp_path, 1234).command)
    assert "--bind 127.0.0.1 --port 1234" in redis
    assert "--save  --appendonly no" in redis
    assert "--maxmemory-policy noeviction" in redis


def test_a_redis_described_in_parts() -> None:
    assert redis_address({}) is None
    assert redis_address({"REDIS_URL": "redis://a", "REDIS_HOST": "b"}) == "redis://a"
    parts = {"REDIS_HOST": "b", "REDIS_PORT": "7", "REDIS_PASSWORD": "p@s", "REDIS_DB": "2"}
    assert redis_address(parts) == "redis://:p%40s@b:7/2"
