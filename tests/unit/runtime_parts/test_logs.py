"""Structured log lines, and every way that they go."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import LogLine
from pedidos_common.runtime import log_files
from pedidos_common.runtime.log_files import BoundedFile, FileLogs
from pedidos_common.runtime.log_shipping import LONGEST_LINE, LogShipper, shortened
from pedidos_common.runtime.logging import Logs, configure_logging
from pedidos_common.runtime.settings import LogSettings
from pedidos_common.testing.eventually import eventually

log = structlog.get_logger("test")

Lines = Callable[[], list[dict[str, Any]]]


@contextmanager
def logging_to(stream: TextIO, settings: LogSettings, process: str = "worker-1") -> Iterator[Logs]:
    root = logging.getLogger()
    level = root.level
    logs = configure_logging(settings, "worker", process, stream)
    try:
        yield logs
    finally:
        logs.close()
        root.setLevel(level)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream = io.StringIO()
    with logging_to(stream, LogSettings()):
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


class Gathering:
    """A gathering that can be away."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.away = False
        self.broken = False

    async def append(self, lines: Sequence[LogLine]) -> None:
        if self.away:
            raise Unavailable("gone")
        if self.broken:
            raise UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogates not allowed")
        self.lines += lines

    async def newest(
        self, limit: int, level: str | None = None, service: str | None = None
    ) -> Sequence[str]:
        return [line.text for line in self.lines[-limit:]]

    async def clear(self) -> None:
        self.lines.clear()


def test_a_line_says_what_when_and_by_whom(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(runId="r1", jobId="j1"):
        log.info("batch_processed", orders=3, queue="orders")
    (line,) = lines()
    stamp = line.pop("timestamp")
    assert datetime.fromisoformat(stamp).utcoffset() is not None
    assert stamp.endswith("Z")
    assert len(stamp) == len("2026-01-01T00:00:00.000Z")
    assert line == {
        "event": "batch_processed",
        "level": "info",
        "service": "worker",
        "process": "worker-1",
        "runId": "r1",
        "jobId": "j1",
        "orders": 3,
        "queue": "orders",
    }


def test_the_logging_of_libraries_goes_the_same_way(lines: Lines) -> None:
    logging.getLogger("pymongo.pool").warning("lost %s", "a connection", extra={"host": "h"})
    logging.getLogger("arq.worker").info("one for every job")
    logging.getLogger("uvicorn.access").info("one for every request")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("be warned", UserWarning, stacklevel=1)
    first, second = lines()
    assert (first["event"], first["host"], first["level"]) == ("lost a connection", "h", "warning")
    assert first["service"] == "worker"
    assert "be warned" in second["event"]


def fail(reason: str) -> None:
    raise RuntimeError(reason)


def test_an_exception_is_one_bounded_line(lines: Lines) -> None:
    try:
        fail("redis://u:hunter2@h " + "x" * 20_000 + " the end")
    except RuntimeError:
        log.exception("job_failed")
        logging.getLogger("lib").exception("failed too")
    for line in lines():
        assert line["level"] == "error"
        assert line["exception"].endswith("the end")
        assert len(line["exception"]) <= 6_000


def test_secrets_are_hidden(lines: Lines) -> None:
    log.warning("server_not_reached", address="redis://u:hunter2@h", password="hunter2")
    logging.getLogger("lib").warning("at mongodb://u:hunter2@h")
    assert "hunter2" not in json.dumps(lines())
    assert lines()[0]["password"] == "***"
    assert lines()[0]["address"] == "redis://u:***@h"


def test_levels_and_odd_values(lines: Lines) -> None:
    log.debug("not_shown")
    log.info("odd", value={1, 2}.__class__, path=Path("x"), text="é\n")
    (line,) = lines()
    assert line["path"] == "x"
    assert line["text"] == "é\n"


async def test_lines_are_shipped_in_order_and_flushed() -> None:
    gathering = Gathering()
    with logging_to(io.StringIO(), LogSettings()) as logs:
        for number in range(1200):
            log.info("counted", n=number)
        shipping = asyncio.create_task(logs.ship(gathering))
        await eventually(lambda: len(gathering.lines) == 1200)
        shipping.cancel()
        await asyncio.gather(shipping, return_exceptions=True)
        log.warning("last")
        await logs.ship_rest(gathering)
    assert [json.loads(line.text)["n"] for line in gathering.lines[:-1]] == list(range(1200))
    assert gathering.lines[-1].level == "warning"
    assert gathering.lines[-1].service == "worker"
    assert logs.dropped == 0


async def test_an_outage_of_the_gathering_keeps_the_newest_lines() -> None:
    gathering, shipper = Gathering(), LogShipper("worker", waiting_lines=100)
    gathering.away = True
    shipping = asyncio.create_task(shipper.run(gathering))
    await asyncio.sleep(0)
    for number in range(250):
        shipper.emit(logging.LogRecord("x", logging.INFO, "", 0, str(number), None, None))
    assert shipper.dropped == 150
    await asyncio.sleep(0)
    gathering.away = False
    await eventually(lambda: len(gathering.lines) >= 100)
    shipping.cancel()
    await asyncio.gather(shipping, return_exceptions=True)
    texts = [line.text for line in gathering.lines]
    assert texts[-1] == "249"
    assert len(texts) + shipper.dropped == 250


async def test_a_failure_of_any_kind_is_outlived_and_what_it_cost_is_counted() -> None:
    gathering = Gathering()
    gathering.broken = True
    with logging_to(io.StringIO(), LogSettings()) as logs:
        log.info("lost")
        shipping = asyncio.create_task(logs.ship(gathering))
        await eventually(lambda: logs.dropped >= 1)
        gathering.broken = False
        log.info("kept")
        await eventually(lambda: len(gathering.lines) >= 2)
        assert not shipping.done()
        shipping.cancel()
        await asyncio.gather(shipping, return_exceptions=True)
    events = [json.loads(line.text)["event"] for line in gathering.lines]
    assert events == ["log_shipping_interrupted", "kept"]
    assert logs.dropped == 1


async def test_a_broken_gathering_does_not_fail_a_shutdown() -> None:
    gathering = Gathering()
    gathering.broken = True
    with logging_to(io.StringIO(), LogSettings()) as logs:
        log.info("lost")
        await logs.ship_rest(gathering)
        assert logs.dropped == 1


async def test_a_text_that_utf8_can_not_hold_is_logged_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_DIR", str(tmp_path))
    # pytest's own handlers would put the text into a report that can't be encoded either
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    gathering, bytes_out = Gathering(), io.BytesIO()
    out = io.TextIOWrapper(bytes_out, encoding="utf-8", write_through=True)
    with logging_to(out, LogSettings()) as logs:
        log.error("cut", text="half an emoji: \ud83d")
        logging.getLogger("lib").error("half an emoji: \ud83d")
        await logs.ship_rest(gathering)
    written = bytes_out.getvalue().decode().splitlines()
    assert json.loads(written[0])["text"] == "half an emoji: ?"
    assert json.loads(written[1])["event"] == "half an emoji: ?"
    assert [line.text for line in gathering.lines] == written
    assert (tmp_path / "errors.messages").read_text("utf-8").splitlines() == written


async def test_backend_logs_off_gathers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_LOGS", "false")
    gathering = Gathering()
    with logging_to(io.StringIO(), LogSettings()) as logs:
        log.info("seen_nowhere")
        await logs.ship(gathering)
        await logs.ship_rest(gathering)
    assert gathering.lines == []


def test_a_long_line_stays_json() -> None:
    line = shortened(json.dumps({"event": "e", "exception": "x" * 50_000, "n": 1}))
    assert len(line) <= LONGEST_LINE
    assert json.loads(line)["event"] == "e"
    assert json.loads(line)["n"] == 1
    assert len(shortened("x" * 50_000)) == LONGEST_LINE


def test_files_hold_their_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "logs"))
    with logging_to(io.StringIO(), LogSettings()):
        log.info("all_well")
        log.warning("take_care")
        log.error("broken")
        thread = threading.Thread(target=log.error, args=("broken_in_a_thread",))
        thread.start()
        thread.join()

    def events(name: str) -> list[str]:
        text = (tmp_path / "logs" / name).read_text()
        return [json.loads(line)["event"] for line in text.splitlines()]

    assert events("log.messages") == ["all_well", "take_care", "broken", "broken_in_a_thread"]
    assert events("warn.messages") == ["take_care"]
    assert events("errors.messages") == ["broken", "broken_in_a_thread"]


def test_a_full_file_is_set_aside_even_when_shared(tmp_path: Path) -> None:
    path = tmp_path / "log.messages"
    writers = [BoundedFile(path, logging.DEBUG, largest_bytes=1000) for _process in range(2)]
    for number in range(100):
        record = logging.LogRecord("x", logging.INFO, "", 0, f"line {number:05}", None, None)
        writers[number % 2].emit(record)
    for writer in writers:
        writer.close()
    assert path.stat().st_size <= 1012
    both = (tmp_path / "log.messages.1").read_text() + path.read_text()
    assert both.splitlines() == [
        f"line {number:05}" for number in range(100 - len(both) // 11, 100)
    ]


def test_a_folder_that_vanished_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logs"
    monkeypatch.setenv("LOG_DIR", str(folder))
    with logging_to(io.StringIO(), LogSettings()) as logs:
        log.error("before")
        wait_until(lambda: "before" in text_of(folder / "errors.messages"))
        shutil.rmtree(folder)
        log.error("after")
    assert "after" in text_of(folder / "log.messages")
    assert "after" in text_of(folder / "errors.messages")
    assert logs.dropped == 0


def test_a_file_that_can_not_be_written_costs_its_lines_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_DIR", str(tmp_path))
    (tmp_path / "errors.messages").mkdir()
    stream = io.StringIO()
    with logging_to(stream, LogSettings(backend_logs=False)) as logs:
        log.error("lost")
        log.error("lost_too")
        wait_until(lambda: logs.dropped == 2)
        (tmp_path / "errors.messages").rmdir()
        log.error("kept")
    assert "kept" in text_of(tmp_path / "errors.messages")
    assert "lost_too" in text_of(tmp_path / "log.messages")
    warned = [json.loads(line) for line in stream.getvalue().splitlines() if "not_written" in line]
    assert len(warned) == 1, "once a streak"
    assert str(tmp_path / "errors.messages") in warned[0]["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_counted_and_closing_does_not_raise() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "line", None, None)
    file = BoundedFile(Path("/dev/full"), logging.DEBUG)
    file.handle(record)
    file.handle(record)
    assert file.lost == 2
    file.close()


def test_closing_is_bounded_where_the_disk_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(log_files, "WAITING_RECORDS", 1)
    hanging, entered = threading.Event(), threading.Event()

    def hang(_file: BoundedFile, _record: logging.LogRecord) -> None:
        entered.set()
        hanging.wait(60)

    monkeypatch.setattr(BoundedFile, "emit", hang)
    files = FileLogs(tmp_path)
    record = logging.LogRecord("x", logging.INFO, "", 0, "line", None, None)
    files.handle(record)
    assert entered.wait(10)
    for _line in range(3):
        files.handle(record)
    files.close()
    assert files.dropped == 3
    hanging.set()


def text_of(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def wait_until(holds: Callable[[], bool]) -> None:
    asyncio.run(eventually(holds))


def test_configuring_twice_does_not_double_lines() -> None:
    first, second = io.StringIO(), io.StringIO()
    with logging_to(first, LogSettings()), logging_to(second, LogSettings(), "worker-2"):
        log.info("once")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["process"] == "worker-2"
