"""How many seconds of work wait for the workers: what the autoscaler goes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

# as in KEDA's query: before a job ended, and before a worker told
ASSUMED_JOB_SECONDS = 1.0
ASSUMED_SLOTS = 25.0
WINDOW_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Ended:
    """Jobs that a process ended since its start, and the seconds that they took together."""

    jobs: float = 0.0
    seconds: float = 0.0

    def since(self, before: Ended) -> Ended:
        """What was added; all of it where the process was started anew in between."""
        if self.jobs < before.jobs:
            return self
        return Ended(self.jobs - before.jobs, self.seconds - before.seconds)


@dataclass(frozen=True, slots=True)
class Load:
    """What the processes of a stack tell at one moment.

    Attributes:
        waiting: jobs that wait for a worker.
        ended: by process.
        slots: jobs that one worker can run at once, on average; None where no worker told.
    """

    waiting: float
    ended: Mapping[str, Ended]
    slots: float | None


class JobTimes:
    """The mean duration of the jobs that ended in the last `WINDOW_SECONDS`."""

    def __init__(self) -> None:
        self._before: Mapping[str, Ended] = {}
        self._added: deque[tuple[float, Ended]] = deque()

    def add(self, now: float, ended: Mapping[str, Ended]) -> None:
        """Takes in what the processes had ended at `now`, in seconds of a steady clock."""
        added = [told.since(self._before.get(name, Ended())) for name, told in ended.items()]
        total = Ended(sum(a.jobs for a in added), sum(a.seconds for a in added))
        self._before = {**self._before, **ended}
        self._added.append((now, total))
        while self._added[0][0] <= now - WINDOW_SECONDS:
            self._added.popleft()

    def mean_seconds(self) -> float:
        """`ASSUMED_JOB_SECONDS` while none ended."""
        jobs = sum(added.jobs for _, added in self._added)
        seconds = sum(added.seconds for _, added in self._added)
        return seconds / jobs if jobs else ASSUMED_JOB_SECONDS


def work_seconds(load: Load, job_seconds: float) -> float:
    """For how long one worker alone would be busy with what waits."""
    return load.waiting * job_seconds / (load.slots or ASSUMED_SLOTS)
