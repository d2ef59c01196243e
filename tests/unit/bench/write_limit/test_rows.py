"""What the bench of the write limit makes of what its processes saw."""

from __future__ import annotations

from bench.write_limit.rows import row_of, summary_of
from bench.write_limit.writing import Part, Seen

PART = Part("mongodb://127.0.0.1", 200_000, 1_000, 0, 0, 2)


def test_a_measurement_lasts_from_the_first_begin_to_the_last_end() -> None:
    seen = [
        Seen(10.0, 14.0, [4, 4, 6, 6], [0.01, 0.03]),
        Seen(11.0, 15.0, [4, 3, 3, 3], [0.02]),
    ]
    row = row_of(PART, seen, cpu_seconds=3.0)
    assert row == {
        "limit": "adaptive",
        "seconds": 5.0,
        "orders_per_second": 40_000,
        "mongod_cpu_seconds_per_100k": 1.5,
        "write_ms_median": 20.0,
        "limits_found": [6, 3],
    }


def test_the_summary_names_the_best_constant_by_the_median_of_the_rounds() -> None:
    rows = [
        {"limit": limit, "orders_per_second": speed, "limits_found": [3, 5]}
        for limit, speed in [(1, 10), (1, 90), (1, 11), (4, 20), (4, 21), (4, 1), ("adaptive", 19)]
    ]
    assert summary_of(rows) == {
        "best_constant": 4,
        "best_constant_orders_per_second": 20,
        "adaptive_orders_per_second": 19,
        "limit_found_median": 4.0,
    }
    assert summary_of(rows[:2])["adaptive_orders_per_second"] is None
