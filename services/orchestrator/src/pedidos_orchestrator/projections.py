"""A run's record as the status that clients see (SPEC O-8): one read, no counting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pedidos_common.domain.runs import Phase, Run
from pedidos_orchestrator.times import SPEED_WINDOW_SECONDS, iso, milliseconds

# VIP orders that end so little after the last order was written were waiting for it.
KEEPS_UP = 1.25

_NO_LANE: Mapping[str, Any] = {
    "expected": 0,
    "processed": 0,
    "failed": 0,
    "start": None,
    "end": None,
    "speed": 0.0,
}


def _rate(count: int, time_ms: int | None) -> float | None:
    return round(count / (time_ms / 1000), 1) if time_ms and count else None


def _now(run: Run) -> datetime:
    """The server's time of the newest figures, so that no process's clock gets in."""
    return run.updated_at or run.created_at


def _window(lane: Mapping[str, Any], run: Run) -> dict[str, Any]:
    start, end = lane["start"], lane["end"]
    is_over = not run.active or _complete(lane, run)
    until = end if is_over else _now(run)
    return {
        "start": iso(start),
        "end": iso(end) if is_over else None,
        "timeMs": milliseconds(start, until),
        "count": lane["processed"],
        "failed": lane["failed"],
    }


def _complete(lane: Mapping[str, Any], run: Run) -> bool:
    """Whether all orders of the lane are done; more may come while they are written."""
    return run.phase is not Phase.GENERATING and 0 < int(lane["expected"]) <= _done(lane)


def _lanes(run: Run | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    live = run.live if run else {}
    return live.get("vip", _NO_LANE), live.get("normal", _NO_LANE)


def _done(lane: Mapping[str, Any]) -> int:
    return int(lane["processed"]) + int(lane["failed"])


def _total_ms(run: Run) -> int | None:
    if not run.active and "totalTimeMs" in run.figures:
        total: int | None = run.figures["totalTimeMs"]
        return total
    return milliseconds(run.created_at, _now(run))


def estimate(run: Run) -> dict[str, Any]:
    """Time left by recent speed and what is left in each phase; null until there is a basis.

    An order that is still to be written counts one writing and one processing.
    """
    live = run.live
    vip, normal = _lanes(run)
    generated, done = int(live.get("generated", 0)), _done(vip) + _done(normal)
    # rows that another import brought meanwhile are never written
    target = run.plan.quantity if run.phase is Phase.GENERATING else max(generated, done)
    percent = round(100 * (generated + done) / (2 * target), 1) if target else None
    if run.phase is Phase.DONE:
        return {"estimatedMs": 0, "progressPercent": 100.0}
    if not run.active or not live:
        return {"estimatedMs": None, "progressPercent": percent if live else None}
    writing = _writing_speed(live)
    working = _working_speed(run, writing)
    to_write, to_work = max(0, target - generated), max(0, target - done)
    if (to_write and not writing) or (to_work and not working):
        return {"estimatedMs": None, "progressPercent": percent}
    seconds = to_write / writing if to_write else 0.0
    seconds += to_work / working if to_work else 0.0
    return {"estimatedMs": round(seconds * 1000), "progressPercent": percent}


def _writing_speed(live: Mapping[str, Any]) -> float:
    """Orders written a second: now, or on the whole once generation is over."""
    now = float(live.get("generationSpeed") or 0.0)
    average = _rate(int(live.get("generated", 0)), live.get("generationMs"))
    return now or average or 0.0


def _working_speed(run: Run, writing: float) -> float:
    """Orders processed a second, as far as that is known.

    At its beginning the recent speed of NORMAL covers time in which its turn had not come yet:
    until that is over, what VIP orders and its own first batches show says more.
    """
    vip, normal = _lanes(run)
    recent = float(normal["speed"])
    if recent and not _just_begun(normal, run):
        return recent
    vip_speed = _average(vip, vip["end"]) if _complete(vip, run) else float(vip["speed"])
    shown = max(vip_speed, _average(normal, _now(run)))
    return max(shown, writing) if _vip_keeps_up(vip, run) else shown


def _just_begun(lane: Mapping[str, Any], run: Run) -> bool:
    elapsed = milliseconds(lane["start"], _now(run))
    return elapsed is not None and elapsed < SPEED_WINDOW_SECONDS * 1000


def _average(lane: Mapping[str, Any], until: datetime | None) -> float:
    return _rate(_done(lane), milliseconds(lane["start"], until)) or 0.0


def _vip_keeps_up(vip: Mapping[str, Any], run: Run) -> bool:
    """Whether VIP orders are processed about as fast as they are written, and so can't go faster.

    The speed of writing then says more of what workers could do than theirs.
    """
    if run.phase is Phase.GENERATING:
        return 2 * _done(vip) >= int(vip["expected"]) > 0
    written = int(run.live.get("generationMs") or 0)
    until = milliseconds(run.created_at, vip["end"])
    return _complete(vip, run) and until is not None and until <= KEEPS_UP * written


def status_of(run: Run | None, queue_state: str) -> dict[str, Any]:
    """The object of `GET /pedidos`."""
    live: Mapping[str, Any] = run.live if run else {}
    vip, normal = _lanes(run)
    windows = {
        "vip": _window(vip, run) if run else _idle_window(),
        "normal": _window(normal, run) if run else _idle_window(),
    }
    total_ms = _total_ms(run) if run else None
    return {
        "phase": run.phase.value if run else Phase.IDLE.value,
        "lastRunId": run.scope if run else None,
        "generationTimeMs": live.get("generationMs"),
        "enqueueVipTimeMs": live.get("enqueueVipMs"),
        "enqueueNormalTimeMs": live.get("enqueueNormalMs"),
        "processing": windows,
        "totalTimeMs": total_ms,
        "counts": {"vip": vip["expected"], "normal": normal["expected"]},
        "throughput": {
            "vip": _rate(_done(vip), windows["vip"]["timeMs"]),
            "normal": _rate(_done(normal), windows["normal"]["timeMs"]),
            "overall": _rate(_done(vip) + _done(normal), total_ms),
        },
        "eta": _eta(run, queue_state),
        "progress": {
            "target": run.plan.quantity if run else 0,
            "generated": live.get("generated", 0),
            "processedTotal": _done(vip) + _done(normal),
        },
        "error": run.error if run else None,
        "queueState": queue_state,
    }


def _eta(run: Run | None, queue_state: str) -> dict[str, Any]:
    """The estimate; nobody knows how long a queue that is held will be held."""
    if run is None:
        return {"estimatedMs": None, "progressPercent": None}
    found = estimate(run)
    return {**found, "estimatedMs": None} if run.active and queue_state != "running" else found


def _idle_window() -> dict[str, Any]:
    return {"start": None, "end": None, "timeMs": None, "count": 0, "failed": 0}
