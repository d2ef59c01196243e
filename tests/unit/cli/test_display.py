"""Progress, reports and logs as people see them."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from pedidos_cli import text
from pedidos_cli.audit import AuditVerdict, Check
from pedidos_cli.commands.logs import new_lines, readable
from pedidos_cli.exported import contents
from pedidos_cli.progress import Display, Progress, Speedometer
from pedidos_cli.report import Report, throughput
from tests.unit.cli.fake_api import run, status


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=terminal, width=120, highlight=False), file


def test_speed_is_that_of_the_last_seconds() -> None:
    meter = Speedometer(window_seconds=4.0)
    assert meter.read(0.0, 0) is None
    assert meter.read(1.0, 100) == 100
    for second in range(2, 10):
        speed = meter.read(float(second), 100 + (second - 1) * 1000)
    assert speed == 1000
    assert meter.read(10.0, 5) is None, "a count that falls is another run's"


def test_plain_lines_come_every_few_seconds_and_at_each_phase() -> None:
    clock, (where, file) = Clock(), console()
    with Display(where, Progress(clock=clock)) as display:
        for _ in range(81):
            display.show(status("GENERATING"))
            clock.now += 0.125
        display.show(status("WAITING_VIP_DRAIN"))
    lines = file.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "GENERATING",
        "GENERATING",
        "GENERATING",
        "WAITING_VIP_DRAIN",
    ]
    assert "46%, about 4.2 s left" in lines[0]


def test_a_terminal_gets_bars() -> None:
    where, file = console(terminal=True)
    with Display(where) as display:
        display.show(status("WAITING_VIP_DRAIN"))
    assert "━" in file.getvalue()
    assert "40/90" in file.getvalue()


def test_silence_and_a_paused_queue_are_shown() -> None:
    progress = Progress()
    progress.see(status("GENERATING", queueState="paused"))
    progress.absent(12.0)
    assert "the queue is paused: `pedidos resume`" in progress.line()
    assert "not answered for 12 s" in progress.line()


def test_speed_and_estimate_are_blank_while_nobody_answers() -> None:
    clock = Clock()
    progress = Progress(clock=clock)
    for done in (10, 60):
        now = {"target": 100, "generated": done, "processedTotal": 0}
        progress.see(status("GENERATING", progress=now))
        clock.now += 1.0
    assert "50/s" in progress.line()
    assert "about 4.2 s left" in progress.line()
    progress.absent(60.0)
    assert "/s" not in progress.line()
    assert "left" not in progress.line()
    assert "orders in 60/100" in progress.line()
    progress.see(status("GENERATING"))
    assert "about 4.2 s left" in progress.line()
    assert "/s" not in progress.line(), "no speed over the time in which nobody answered"


def test_an_idle_status_with_nulls_is_no_problem() -> None:
    progress = Progress()
    progress.see({"phase": "IDLE", "processing": None, "counts": None, "eta": {}, "progress": {}})
    assert progress.line().startswith("IDLE: no run")


def test_the_report_tells_throughput_from_windows() -> None:
    rates = throughput(run("DONE"))
    assert rates["vip"] == 5.0
    assert rates["normal"] == 30.0
    assert rates["overall"] == 100 / 6
    assert throughput({"phase": "ABORTED"}) == {"vip": None, "normal": None, "overall": None}


def test_a_report_is_good_only_when_done_and_audited_well() -> None:
    good = AuditVerdict("r", "DONE", (Check("k", "title", "1", "1", passed=True),))
    bad = AuditVerdict("r", "DONE", (Check("k", "title", "1", "2", passed=False),))
    assert Report(run("DONE"), good).good
    assert not Report(run("DONE"), bad).good
    assert not Report(run("ABORTED"), good).good
    assert not Report(run("DONE"), audit_error="no server").good
    where, file = console()
    Report(run("ERROR", error="[x] broke"), bad).render(where)
    assert "Reason: [x] broke" in file.getvalue()
    assert "Audit FAILED" in file.getvalue()


def test_a_report_says_what_became_of_orders_that_no_priority_counts() -> None:
    cancelled = {"deletedPending": 169_000}
    receipt = {"processed": 130_000, "failed": 116, "pending": 84, "deletedByCancel": 169_000}
    aborted = run(
        "ABORTED",
        quantity=300_000,
        totalProcessedVIP=30_000,
        totalFailedVIP=116,
        totalProcessedNormal=100_000,
        cancelled=cancelled,
        receipt=receipt,
    )
    where, file = console()
    Report(aborted).render(where)
    line = "Of 300,000 orders 169,000 were deleted by the cancel, 84 are pending"
    assert f"{line}, 800 were never written" in file.getvalue()
    where, file = console()
    Report({**aborted, "receipt": None}).render(where)
    assert "169,000 were deleted by the cancel" in file.getvalue()
    assert "never written" not in file.getvalue()
    where, file = console()
    Report(run("DONE", receipt={"pending": 0, "deletedByCancel": 0})).render(where)
    assert "deleted" not in file.getvalue()


def test_rows_of_an_export_are_counted_whatever_their_texts_hold(tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_bytes(b'id,text,status\n1,"a ""quoted""\nbreak",ok\n2,plain,ok\n3,"end","no"')
    found = contents(file, "csv")
    assert (found.rows, found.by_status, found.size) == (3, {"no": 1, "ok": 2}, 64)
    file.write_bytes(b'{"status":"\\""}\n{"status":"a"}\n')
    assert contents(file, "ndjson").rows == 2
    file.write_bytes(b"id,status\n")
    assert contents(file, "csv").rows == 0


def test_followed_logs_show_each_line_once() -> None:
    first = [{"n": number} for number in range(5)]
    assert new_lines(first, first) == []
    assert new_lines(first, [{"n": n} for n in range(2, 8)]) == [{"n": n} for n in range(5, 8)]
    assert new_lines([], first) == first
    assert new_lines([{"n": 99}], first) == first


def test_a_log_line_that_is_no_object_is_shown_as_it_is() -> None:
    assert readable("text").plain == "text"


def test_numbers_for_people() -> None:
    shown = [text.duration(value) for value in (850, 12_345, 125_000, 7_500_000, None)]
    assert shown == ["850 ms", "12.3 s", "2 min 05 s", "2 h 05 min", text.NONE]
    assert text.count(1_000_000) == "1,000,000"
    assert text.speed(3.21) == "3.2/s"
    assert text.size(1_500_000) == "1.5 MB"
    assert text.moment("2025-01-02T03:04:05.678Z") == "03:04:05.678"
