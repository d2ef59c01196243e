"""What measurements of the write limit come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.write_limit.writing import Part, Seen


def row_of(part: Part, seen: Sequence[Seen], cpu_seconds: float) -> dict[str, Any]:
    """What one measurement comes to; the limit is the median of the second half of each."""
    took = max(one.ended_at for one in seen) - min(one.began_at for one in seen)
    return {
        "limit": part.limit or "adaptive",
        "seconds": round(took, 3),
        "orders_per_second": round(part.orders / took),
        "mongod_cpu_seconds_per_100k": round(cpu_seconds / part.orders * 100_000, 3),
        "write_ms_median": round(1_000 * median(s for one in seen for s in one.seconds), 2),
        "limits_found": [median(one.limits[len(one.limits) // 2 :]) for one in seen],
    }


def summary_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The best constant and the limit that was found, by medians of the rounds."""
    speed = {
        limit: median(row["orders_per_second"] for row in rows if row["limit"] == limit)
        for limit in dict.fromkeys(row["limit"] for row in rows)
    }
    constants = {limit: value for limit, value in speed.items() if limit != "adaptive"}
    found = [limit for row in rows if row["limit"] == "adaptive" for limit in row["limits_found"]]
    best = max(constants, key=lambda limit: constants[limit], default=None)
    return {
        "best_constant": best,
        "best_constant_orders_per_second": constants.get(best),
        "adaptive_orders_per_second": speed.get("adaptive"),
        "limit_found_median": median(found) if found else None,
    }
