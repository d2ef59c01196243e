"""What happens to a stack, and when: a plan that a seed alone decides, so that it can be replayed.

A round is a few faults within a second, of victims that differ, once the run has reached a phase.
Freezes, which last longer than a lease, come together in every fourth round; in every third one a
worker and the orchestrator that leads are hurt at once. One worker is left, always.
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
WORKERS_AT_ONCE = 2
VICTIMS = (3, 4, 4, 5)
LEADER_AND_WORKER_EVERY, FREEZES_EVERY = 3, 4
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
OF_REDIS = (Act.FLUSH, Act.AWAY, Act.FULL)
ACTS = {
    "worker": OF_A_PROCESS,
    "generator": OF_A_PROCESS,
    "orchestrator": OF_A_PROCESS,
    "mongod": OF_A_PROCESS,
    "redis": (*OF_A_PROCESS, *OF_REDIS),
}
SERVERS = ("mongod", "redis")
AT_WORK = ("worker", "generator")
Victim = tuple[str, int]  # role and index
# of these a freeze makes a zombie
FROZEN_LONG = ("worker", "orchestrator")


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
    dealt = {role: _dealt(drawn, _quick(role)) for role in ACTS}
    rounds = [_long_away(drawn)]
    while sum(event.act in KILLS for one in rounds for event in one.events) < kills:
        rounds.append(_round(drawn, dealt, len(rounds)))
    return tuple(rounds)


def _quick(role: str) -> list[Act]:
    """What is done to it in any round."""
    return [act for act in ACTS[role] if role not in FROZEN_LONG or act is not Act.FREEZE]


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


def _round(drawn: Random, dealt: Mapping[str, Iterator[Act]], number: int) -> Round:
    phase = OF_A_RUN[number % len(OF_A_RUN)]
    chosen = _chosen(drawn, phase, together=number % LEADER_AND_WORKER_EVERY == 0)
    zombies = _zombies(drawn, chosen) if number % FREEZES_EVERY == 0 else set()
    events = [
        _event(drawn, one[0], Act.FREEZE if one in zombies else next(dealt[one[0]]), one[1])
        for one in chosen
    ]
    return Round(phase, tuple(events))


def _zombies(drawn: Random, chosen: Sequence[Victim]) -> set[Victim]:
    """One of these at least is frozen for longer than a lease."""
    able = [one for one in chosen if one[0] in FROZEN_LONG]
    return set(drawn.sample(able, drawn.randint(1, len(able)))) if able else set()


def _chosen(drawn: Random, phase: str, *, together: bool) -> list[Victim]:
    """Who is hurt; a worker is left, and an orchestrator."""
    workers = [("worker", index) for index in drawn.sample(range(WORKERS), WORKERS_AT_ONCE)]
    leader = ("orchestrator", 0)
    needed: list[Victim] = [workers.pop(), leader] if together else []
    others = [*workers, *([] if together else [leader]), *((name, 0) for name in SERVERS)]
    if phase == PHASES[0]:
        generators = drawn.sample(range(GENERATORS), drawn.randint(1, GENERATORS))
        needed += [("generator", index) for index in generators]
    more = max(1, drawn.choice(VICTIMS) - len(needed))
    return needed + drawn.sample(others, min(more, len(others)))


def _event(drawn: Random, role: str, act: Act, index: int) -> Event:
    after = round(drawn.uniform(0.0, 1.0), 2)
    return Event(role, act, index, after, round(_seconds(drawn, role, act), 1))


def _seconds(drawn: Random, role: str, act: Act) -> float:
    match act:
        case Act.FREEZE if role not in SERVERS:
            return ZOMBIE_SECONDS
        case Act.FREEZE | Act.AWAY | Act.FULL:
            return drawn.uniform(1.0, 5.0)
        case _:
            return 0.0
