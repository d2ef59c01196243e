"""Processor time and memory of processes while something goes on, by its stages."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import psutil

from bench.running.measure import MIB

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Sample:
    """What each process had used at a moment, and the stage that began or went on there.

    `at_seconds` is since the first sample. CPU seconds are since the process' start, resident
    memory is in MiB; a process that is gone is missing from both. `machine_cpu_seconds` is what all
    processes of the machine had used.
    """

    at_seconds: float
    stage: str
    cpu_seconds: Mapping[str, float]
    resident_mib: Mapping[str, float]
    machine_cpu_seconds: float = 0.0


class UsageRecorder:
    """Takes samples of named processes, as often as it is told of their stage."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._start: float | None = None
        self._samples: list[Sample] = []

    def note(self, stage: str) -> None:
        """Look at the processes where the stage is new or the last look is a while back."""
        now = time.monotonic()
        self._start = now if self._start is None else self._start
        at = now - self._start
        last = self._samples[-1] if self._samples else None
        if last is None or stage != last.stage or at - last.at_seconds >= SAMPLE_SECONDS:
            self._samples.append(self._look(at, stage))

    def samples(self) -> tuple[Sample, ...]:
        """All samples, oldest first."""
        return tuple(self._samples)

    def _look(self, at: float, stage: str) -> Sample:
        cpu, resident = {}, {}
        for name, process in self._processes.items():
            with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():
                times = process.cpu_times()
                cpu[name] = times.user + times.system
                resident[name] = round(process.memory_info().rss / MIB, 1)
        return Sample(round(at, 2), stage, cpu, resident, _machine_cpu_seconds())


def _machine_cpu_seconds() -> float:
    """Time that a hypervisor took away counts too: it is as lost as what others used."""
    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")
    return float(sum(seconds for name, seconds in times.items() if name not in idle))


def others_percent(samples: Sequence[Sample], cores: int) -> float | None:
    """How much of the machine others had, from the first sample to the last; this bench, too."""
    if len(samples) < 2 or samples[-1].at_seconds <= samples[0].at_seconds:
        return None
    first, last = samples[0], samples[-1]
    known = first.cpu_seconds.keys() & last.cpu_seconds.keys()
    ours = sum(last.cpu_seconds[name] - first.cpu_seconds[name] for name in known)
    busy = last.machine_cpu_seconds - first.machine_cpu_seconds
    there = cores * (last.at_seconds - first.at_seconds)
    return round(100 * max(0.0, busy - ours) / there, 1)


def cpu_by_stage(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """CPU seconds by stage and process; what was used between two samples is the earlier's."""
    stages: dict[str, dict[str, float]] = {}
    for earlier, later in pairwise(samples):
        used = stages.setdefault(earlier.stage, {})
        for name in earlier.cpu_seconds.keys() & later.cpu_seconds.keys():
            more = later.cpu_seconds[name] - earlier.cpu_seconds[name]
            used[name] = round(used.get(name, 0.0) + more, 3)
    return stages
