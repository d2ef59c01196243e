"""What happens to a stack, and when: a plan that a seed alone decides, so that it can be replayed.

A round is a few faults within a second, of victims that differ, once the run has reached a phase.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

# a round waits until the run is this far
PHASES = (
    *("GENERATING", "ENQUEUE_VIP", "WAITING_VIP_DRAIN"),
    *("ENQUEUE_NORMAL", "WAITING_NORMAL_DRAIN", "DONE"),
)
# in the first one generators have work; ENQUEUE_NORMAL lasts until the last group is enqueued
OF_A_RUN = ("GENERATING", "ENQUEUE_VIP", *["ENQUEUE_NORMAL"] * 4)
WORKERS, GENERATORS = 3, 2
ZOMBIE_SECONDS = 12.0  # two more than a lease
LONG_AWAY_SECONDS = 60.0


class Act(StrEnum):
    """What is done to a victim, as reports call it."""

    KILL = "kill -9"
    TERM = "SIGTERM"
    FREEZE = "SIGSTOP, SIGCONT"
    FLUSH = "FLUSHALL"
    AWAY = "stopped, back empty"
    FULL = "out of memory"


KILLS = frozenset({Act.KILL, Act.TERM, Act.AWAY})
OF_A_PROCESS = (Act.KILL, Act.KILL, Act.TERM, Act.FREEZE)
ACTS = {
    "worker": OF_A_PROCESS,
    "generator": OF_A_PROCESS,
    "orchestrator": OF_A_PROCESS,
    "mongod": OF_A_PROCESS,
    "redis": (*OF_A_PROCESS, Act.FLUSH, Act.AWAY, Act.FULL),
}
SERVERS = ("mongod", "redis")
AT_WORK = ("worker", "generator")


@dataclass(frozen=True, slots=True)
class Event:
    """One fault: so many seconds after its round began, for so many seconds (0: in an instant)."""

    role: str
    act: Act
    index: int = 0
    after_seconds: float = 0.0
    for_seconds: float = 0.0

    @property
    def name(self) -> str:
        """`worker kill -9`, as in the table at the end."""
        return f"{self.role} {self.act}"


@dataclass(frozen=True, slots=True)
class Round:
    """What happens together, once the run is in this phase or behind it."""

    phase: str
    events: tuple[Event, ...]


def plan(seed: int, kills: int) -> tuple[Round, ...]:
    """Rounds with at least that many kills; the same for the same seed, on any machine."""
    drawn = Random(seed)
    dealt = {role: _dealt(drawn, acts) for role, acts in ACTS.items()}
    rounds = [_long_away(drawn)]
    while sum(event.act in KILLS for one in rounds for event in one.events) < kills:
        rounds.append(_round(drawn, dealt, OF_A_RUN[len(rounds) % len(OF_A_RUN)]))
    return tuple(rounds)


def short_plan() -> tuple[Round, ...]:
    """Each kind of fault, and each role killed, once."""
    at_first = (
        Event("generator", Act.KILL, 0),
        Event("generator", Act.FREEZE, 1, 0.0, ZOMBIE_SECONDS),
        Event("worker", Act.KILL, 0),
        Event("worker", Act.FREEZE, 1, 0.0, ZOMBIE_SECONDS),
        Event("redis", Act.FLUSH, 0, 0.5),
    )
    then = (
        Event("worker", Act.TERM, 2),
        Event("orchestrator", Act.KILL, 0, 0.2),
        Event("redis", Act.AWAY, 0, 0.3, 1.0),
    )
    last = (Event("redis", Act.FULL, 0, 0.0, 2.0), Event("mongod", Act.KILL, 0, 0.5))
    return (
        Round("GENERATING", at_first),
        Round("ENQUEUE_NORMAL", then),
        Round("ENQUEUE_NORMAL", last),
    )


def _long_away(drawn: Random) -> Round:
    """Redis is gone for a minute, and a worker is killed meanwhile."""
    away = Event("redis", Act.AWAY, 0, 0.5, LONG_AWAY_SECONDS)
    return Round("GENERATING", (away, Event("worker", Act.KILL, drawn.randrange(WORKERS))))


def _dealt(drawn: Random, acts: Sequence[Act]) -> Iterator[Act]:
    """Without end, and each of them before any comes again."""
    while True:
        yield from drawn.sample(acts, len(acts))


def _round(drawn: Random, dealt: Mapping[str, Iterator[Act]], phase: str) -> Round:
    victims = list(_victims(drawn, phase))
    chosen = drawn.sample(victims, drawn.choice((2, 3, 3, 4)))
    if phase == PHASES[0]:
        chosen = [("generator", drawn.randrange(GENERATORS)), *chosen]
    events = (
        _event(drawn, role, next(dealt[role]), index) for role, index in dict.fromkeys(chosen)
    )
    return Round(phase, tuple(events))


def _victims(drawn: Random, phase: str) -> Iterator[tuple[str, int]]:
    yield from (("worker", index) for index in range(WORKERS))
    yield from ((role, 0) for role in ("orchestrator", *SERVERS))
    if phase == PHASES[0]:
        yield "generator", drawn.randrange(GENERATORS)


def _event(drawn: Random, role: str, act: Act, index: int) -> Event:
    after = round(drawn.uniform(0.0, 1.0), 2)
    return Event(role, act, index, after, round(_seconds(drawn, role, act), 1))


def _seconds(drawn: Random, role: str, act: Act) -> float:
    match act:
        case Act.FREEZE if role not in SERVERS:
            return ZOMBIE_SECONDS
        case Act.FREEZE | Act.AWAY | Act.FULL:
            return drawn.uniform(1.0, 8.0)
        case _:
            return 0.0
