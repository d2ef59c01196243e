"""The live figures of a run, as the engine writes them into the run's record."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pedidos_common.domain.jobs import Job
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_view import RunView, Tally
from pedidos_common.domain.runs import Phase, Run
from pedidos_orchestrator.times import SPEED_WINDOW_SECONDS, milliseconds

SPEED_BASIS_SECONDS = 0.5


class Speedometer:
    """Orders a second over the last few seconds, from a rising count."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, count: int, now: float) -> float:
        """Note the count; the present speed, 0 while there is no basis for one."""
        self._samples.append((now, count))
        while len(self._samples) > 2 and now - self._samples[0][0] > SPEED_WINDOW_SECONDS:
            self._samples.popleft()
        (_, before), seconds = self._samples[0], now - self._samples[0][0]
        return (count - before) / seconds if seconds >= SPEED_BASIS_SECONDS else 0.0


@dataclass(slots=True)
class Progress:
    """What one leader measures of a run while it acts; durations on its monotonic clock."""

    speeds: dict[str, Speedometer] = field(default_factory=dict)
    vip_enqueue_from: float | None = None
    vip_enqueue_to: float | None = None

    def speed(self, what: str, count: int, now: float) -> float:
        """The present speed of a named count, in orders a second."""
        return round(self.speeds.setdefault(what, Speedometer()).note(count, now), 1)

    def note_vip_enqueued(self, now: float) -> None:
        """VIP batches were created just now."""
        self.vip_enqueue_from = now if self.vip_enqueue_from is None else self.vip_enqueue_from
        self.vip_enqueue_to = now

    def vip_enqueue_ms(self) -> int | None:
        """From the first VIP batch's creation to the last one's so far."""
        if self.vip_enqueue_from is None or self.vip_enqueue_to is None:
            return None
        return round((self.vip_enqueue_to - self.vip_enqueue_from) * 1000)


def entered(run: Run, phase: Phase) -> datetime | None:
    """When the run first entered the phase.

    A resumed run enters phases again; what ended before the first time it was past a phase did
    not begin anew.
    """
    return next((change.at for change in run.history if change.phase is phase), None)


def _partial(started: Sequence[Job], priority: Priority) -> tuple[int, int]:
    mine = [job for job in started if job.payload.get("priority") == priority]
    return (
        sum(int(job.result.get("processed", 0)) for job in mine),
        sum(int(job.result.get("failed", 0)) for job in mine),
    )


def _counted(tally: Tally, partial: tuple[int, int], before: Mapping[str, Any]) -> tuple[int, int]:
    """Processed and failed orders of settled and of open batches, never fewer than before."""
    return (
        max(tally.processed + partial[0], int(before.get("processed", 0))),
        max(tally.failed + partial[1], int(before.get("failed", 0))),
    )


def _enqueue_vip_ms(run: Run, progress: Progress) -> int | None:
    """The longest that any leader measured; 0 for a run without VIP orders."""
    known = [run.live.get("enqueueVipMs"), progress.vip_enqueue_ms()]
    if entered(run, Phase.WAITING_VIP_DRAIN):
        known.append(0)
    return max((int(ms) for ms in known if ms is not None), default=None)


def live_figures(
    run: Run,
    view: RunView,
    progress: Progress,
    started: Sequence[Job],
    now: float,
    all_settled: bool = False,
) -> dict[str, Any]:
    """The figures of `process_runs.live`; `started` are open jobs with partial results.

    What was counted before stays counted, as the partial result of a batch that is split is gone
    until its parts settle; but not once `view` has `all_settled`, for then it is exact.
    """
    lanes = {}
    for priority in Priority:
        name, tally = priority.lower(), view.tallies[priority]
        before = {} if all_settled else run.live.get(name, {})
        counted = _counted(tally, _partial(started, priority), before)
        lanes[name] = {
            "expected": view.expected(priority),
            "processed": counted[0],
            "failed": counted[1],
            "start": tally.start,
            "end": tally.end,
            "speed": progress.speed(priority, sum(counted), now),
        }
    return {
        "generated": view.generated,
        "generationMs": milliseconds(run.created_at, entered(run, Phase.ENQUEUE_VIP)),
        "generationSpeed": progress.speed("generated", view.generated, now),
        "enqueueVipMs": _enqueue_vip_ms(run, progress),
        "enqueueNormalMs": milliseconds(
            entered(run, Phase.ENQUEUE_NORMAL), entered(run, Phase.WAITING_NORMAL_DRAIN)
        ),
        **lanes,
    }


def settled_figures(run: Run, view: RunView) -> dict[str, Any]:
    """The figures of a run that is over, from a view in which everything is settled."""
    return {**run.live, **live_figures(run, view, Progress(), (), 0.0, all_settled=True)}


def final_figures(run: Run, live: Mapping[str, Any], ended_at: datetime) -> dict[str, Any]:
    """The flat fields of SPEC O-15 at a run's end."""
    vip, normal = live["vip"], live["normal"]
    return {
        "generationTimeMs": live["generationMs"],
        "enqueueVipTimeMs": live["enqueueVipMs"],
        "enqueueNormalTimeMs": live["enqueueNormalMs"],
        "processingTimeVIPMs": milliseconds(vip["start"], vip["end"]),
        "processingTimeNormalMs": milliseconds(normal["start"], normal["end"]),
        "startVIP": vip["start"],
        "endVIP": vip["end"],
        "startNormal": normal["start"],
        "endNormal": normal["end"],
        "totalProcessedVIP": vip["processed"],
        "totalProcessedNormal": normal["processed"],
        "totalFailedVIP": vip["failed"],
        "totalFailedNormal": normal["failed"],
        "totalTimeMs": milliseconds(run.created_at, ended_at),
    }
