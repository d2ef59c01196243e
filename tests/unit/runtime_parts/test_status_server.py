"""The small server of probes and metrics, asked by a real client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.runtime import status_server
from pedidos_common.runtime.job_metrics import JobMetrics
from pedidos_common.runtime.listening import listening_socket, port_of, write_port_file
from pedidos_common.runtime.metrics import new_registry, watch_dropped_logs
from pedidos_common.runtime.status_server import StatusServer


class State:
    """What the probes are told."""

    def __init__(self) -> None:
        self.stuck: list[str] = []
        self.redis = "ready"

    async def check_redis(self) -> bool | None:
        match self.redis:
            case "raises":
                raise Unavailable("gone")
            case "hangs":
                await asyncio.sleep(60)
            case "says no":
                return False
        return None

    async def check_mongo(self) -> bool:
        return True


@asynccontextmanager
async def served(state: State, port_file: Path | None = None) -> AsyncIterator[httpx.AsyncClient]:
    registry = new_registry()
    JobMetrics(registry).waited("orders", 0.2)
    watch_dropped_logs(registry, lambda: 3)
    checks = {"mongo": state.check_mongo, "redis": state.check_redis}
    server = StatusServer(registry, checks, lambda: state.stuck)
    port = await server.start("127.0.0.1", 0, port_file=port_file)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10
    ) as client:
        yield client
    await server.close()


async def test_health() -> None:
    state = State()
    async with served(state) as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        state.stuck = ["engine"]
        answer = await client.get("/healthz")
        said = {"status": "stuck", "stuck": ["engine"]}
        assert (answer.status_code, answer.json()) == (503, said)


@pytest.mark.parametrize(
    ("redis", "reason"),
    [
        ("raises", "gone"),
        ("hangs", "it does not answer within 0.05 s"),
        ("says no", "it does not answer"),
    ],
)
async def test_readiness(redis: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_server, "CHECK_SECONDS", 0.05)
    state = State()
    async with served(state) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"mongo": True, "redis": True})
        state.redis = redis
        answer = await client.get("/readyz")
        said = {"mongo": True, "redis": False, "reasons": {"redis": reason}}
        assert (answer.status_code, answer.json()) == (503, said)


async def test_metrics_in_both_formats() -> None:
    async with served(State()) as client:
        plain = await client.get("/metrics")
        open_metrics = await client.get(
            "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )
    assert 'pedidos_job_queue_wait_seconds_count{queue="orders"} 1.0' in plain.text
    assert "pedidos_log_lines_dropped_total 3.0" in plain.text
    assert "process_resident_memory_bytes" in plain.text
    assert plain.headers["content-type"].startswith("text/plain")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")


async def test_what_is_not_there() -> None:
    async with served(State()) as client:
        assert (await client.get("/")).status_code == 404
        assert (await client.post("/healthz")).status_code == 405
        head = await client.head("/healthz")
        assert (head.status_code, head.content) == (200, b"")
        long = await client.get("/healthz", headers={"X-Long": "x" * 30_000})
        assert long.status_code == 431


async def test_many_and_silent_clients_do_not_block_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_server, "REQUEST_SECONDS", 0.2)
    async with served(State()) as client:
        port = client.base_url.port
        silent = [await asyncio.open_connection("127.0.0.1", port) for _client in range(40)]
        silent[0][1].write(b"\x00garbage\r\n\r\n")
        answers = await asyncio.gather(*(client.get("/healthz") for _time in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        for _reader, writer in silent:
            writer.close()


def list_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_port_that_it_got_is_written(tmp_path: Path) -> None:
    async with served(State(), tmp_path / "port") as client:
        assert int((tmp_path / "port").read_text()) == client.base_url.port
    assert len(list_of(tmp_path)) == 1, "the draft must be gone"


def test_a_port_file_that_can_not_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        write_port_file(tmp_path / "nowhere" / "port", 1)
    assert ended.value.code == 2
    assert f"PORT_FILE={tmp_path}/nowhere/port can't be written" in capsys.readouterr().err


def test_a_port_in_use_is_named_with_its_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = port_of(taken)
        with pytest.raises(SystemExit) as ended:
            listening_socket("127.0.0.1", port, "METRICS_PORT")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert f"port {port} on 127.0.0.1 is in use" in told
    assert "METRICS_PORT" in told


def test_an_impossible_host_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        listening_socket("203.0.113.7", 0, "PORT")
    assert "check HOST and PORT" in capsys.readouterr().err
