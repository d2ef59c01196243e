"""What the bench of metrics and traces makes of its runs."""

from __future__ import annotations

from bench.observability.rows import ALL, OFF, ON, row_of, summary_of
from bench.running.single_runs import RunFigures


def figures(cpu_seconds: float, seconds: float = 10.0) -> RunFigures:
    used = dict.fromkeys(ALL, 0.0) | {"worker": cpu_seconds, "mongod": 10.0}
    return RunFigures(100_000, "DONE", audit_passed=True, seconds=seconds, cpu_seconds=used)


def test_a_round_is_on_over_off_whoever_came_first() -> None:
    rows = [
        row_of(1, OFF, True, figures(1.0), 0, 0),
        row_of(1, ON, False, figures(1.02, 11.0), 300, 9),
        row_of(2, ON, True, figures(2.0), 300, 9),
        row_of(2, OFF, False, figures(2.0), 0, 0),
        row_of(3, OFF, True, figures(1.0), 0, 0),
        row_of(3, ON, False, figures(1.10), 300, 9),
    ]
    summary = summary_of(rows)
    assert summary["client_percent"] == {"median": 2.0, "least": 0.0, "most": 10.0}
    assert summary["worker_percent"] == summary["client_percent"]
    assert summary["all_percent"]["most"] == 0.91
    assert summary["seconds_percent"]["most"] == 10.0


def test_a_round_that_is_not_whole_and_a_role_that_used_nothing_count_for_nothing() -> None:
    rows = [row_of(1, OFF, True, figures(1.0), 0, 0)]
    assert set(summary_of(rows).values()) == {None}
    rows.append(row_of(1, ON, False, figures(1.0), 300, 9))
    assert summary_of(rows)["redis_percent"] is None
