"""Locust as a process of its own, and what it saw."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.load.mix import Shares

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
REPOSITORY = LOCUSTFILE.parents[2]
SLACK_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Wave:
    """What to send: arrivals a second, for how long, of which mix; keys begin with `prefix`."""

    prefix: str
    rate: float
    seconds: float
    seed: int = 1
    shares: Shares = field(default_factory=Shares)
    polls: float = 0.2


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: what kind, its milliseconds from when it was due, its answer's status."""

    kind: str
    ms: float
    status: int | None
    at: float


class NotSent(RuntimeError):
    """Locust did not come to its end."""


def send(locust: Path, api: str, wave: Wave, folder: Path) -> list[Seen]:
    """Send a wave, and wait until it is answered.

    Raises:
        NotSent: when Locust fails; with the end of what it said.
    """
    out = folder / f"{wave.prefix}.json"
    command = [
        *(str(locust), "--locustfile", str(LOCUSTFILE), "--headless", "--users", "1"),
        *("--host", api, "--rate", str(wave.rate), "--seconds", str(wave.seconds)),
        *("--seed", str(wave.seed), "--prefix", wave.prefix, "--out", str(out)),
        *("--shares", json.dumps(asdict(wave.shares)), "--polls", str(wave.polls)),
        *("--only-summary", "--exit-code-on-error", "0"),
    ]
    environ = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "NO_PROXY": "*"}
    done = subprocess.run(
        command,
        env=environ,
        capture_output=True,
        text=True,
        timeout=wave.seconds + SLACK_SECONDS,
        check=False,
    )
    if done.returncode or not out.exists():
        raise NotSent(f"locust ended with {done.returncode}: {done.stderr[-2_000:]}")
    return [Seen(**row) for row in json.loads(out.read_text(encoding="utf-8"))]


def rows_of(phase: str, seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """A row for each kind of request: how many, their times, and their answers."""
    kinds: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        kinds[one.kind].append(one)
        if one.kind.startswith("checkout"):
            kinds["checkout (all)"].append(one)
    return [{"phase": phase, "kind": kind, **_figures(kinds[kind])} for kind in sorted(kinds)]


def _figures(seen: Sequence[Seen]) -> Mapping[str, Any]:
    times = sorted(one.ms for one in seen)
    answers: dict[str, int] = defaultdict(int)
    for one in seen:
        answers[str(one.status or "none")] += 1
    return {
        "count": len(seen),
        "p50_ms": percentile(times, 0.50),
        "p95_ms": percentile(times, 0.95),
        "p99_ms": percentile(times, 0.99),
        "max_ms": times[-1],
        **{f"answered_{status}": count for status, count in sorted(answers.items())},
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value at or below which that share of them lies; 0 of none."""
    if not ordered:
        return 0.0
    place = max(0, -(-int(share * len(ordered) * 1000) // 1000) - 1)
    return round(ordered[min(place, len(ordered) - 1)], 2)
