"""Two runs side by side: what differs, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMPARED = (
    "phase",
    "quantity",
    "seed",
    "source",
    "generationTimeMs",
    "enqueueVipTimeMs",
    "enqueueNormalTimeMs",
    "processingTimeVIPMs",
    "processingTimeNormalMs",
    "totalProcessedVIP",
    "totalProcessedNormal",
    "totalFailedVIP",
    "totalFailedNormal",
    "totalTimeMs",
    "throughput",
    "plan",
    "settings",
)


def compare_runs(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every compared field in which two runs (as `views.run_view` has them) differ.

    Nested fields are named with dots. `ratio` is b / a where both are numbers and a is not 0.
    """
    first = {key: value for name in COMPARED for key, value in _flat(name, a.get(name))}
    second = {key: value for name in COMPARED for key, value in _flat(name, b.get(name))}
    return {
        name: _difference(first.get(name), second.get(name))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    }


def _flat(name: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(name, value)]
    return [pair for key, inner in value.items() for pair in _flat(f"{name}.{key}", inner)]


def _difference(a: Any, b: Any) -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "ratio": round(b / a, 4) if _is_number(a) and _is_number(b) and a else None,
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
