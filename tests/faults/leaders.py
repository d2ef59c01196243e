"""What is done to the orchestrator that leads, and what MongoDB itself saw of engines' writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from tests.e2e.stack import until
from tests.faults.linked import MONGO, REDIS, STORES, LinkedStack, Part
from tests.faults.links import ended
from tests.faults.proxy import Condition, Way
from tests.faults.recovery import Recovery

TAKEN_SECONDS = 60.0
PAUSED_SECONDS = 8.0  # three more than a leader's lease
PROFILE_BYTES = 64 * 1024 * 1024
ENGINE_WRITE = (b"findAndModify", b"process_runs")
AT_ITS_WRITE = Condition(Way.HOLD, at_request=ENGINE_WRITE)


class Blow(StrEnum):
    """What happens to the leader, as reports call it."""

    KILL = "kill -9"
    PAUSE = "SIGSTOP, SIGCONT"
    LATE = "held up at a write"
    NO_MONGO = "cut from MongoDB"
    NO_REDIS = "black hole to Redis"
    NEITHER = "cut from both"


@dataclass(frozen=True, slots=True)
class LeaderFault:
    """One blow, as a `recovery.Fault`."""

    blow: Blow
    role: str = "orchestrator"

    @property
    def name(self) -> str:
        """`leader kill -9`, as in the table at the end."""
        return f"leader {self.blow}"


def strike_leader(field: LinkedStack, blow: Blow) -> Recovery:
    """Do it, and undo it once another leads and the work goes on; seconds from the blow to then."""
    former = until(field.leader)
    end = _DONE[blow](former)
    struck_at, before = time.monotonic(), ended(field)
    until(lambda: field.leader() not in {None, former}, TAKEN_SECONDS)
    goes_on_after = ended(field)
    until(lambda: ended(field) > goes_on_after, TAKEN_SECONDS)
    seconds = time.monotonic() - struck_at
    assert ended(field) > before
    end(struck_at)
    until(former.is_ready, TAKEN_SECONDS)
    return Recovery(LeaderFault(blow), seconds, seconds, 0)


End = Callable[[float], None]


def _kill(former: Part) -> End:
    former.kill()
    return lambda _struck_at: former.start()


def _pause(former: Part) -> End:
    former.pause()

    def go_on(struck_at: float) -> None:
        time.sleep(max(0.0, PAUSED_SECONDS - (time.monotonic() - struck_at)))
        former.go_on()

    return go_on


def _in_trouble(condition: Condition, stores: Sequence[str]) -> Callable[[Part], End]:
    def begin(former: Part) -> End:
        former.become(condition, stores)
        if condition.at_request:
            until(lambda: former.links[stores[0]].condition.way is condition.way)
        return lambda _struck_at: former.heal()

    return begin


_DONE: Mapping[Blow, Callable[[Part], End]] = {
    Blow.KILL: _kill,
    Blow.PAUSE: _pause,
    Blow.LATE: _in_trouble(AT_ITS_WRITE, [MONGO]),
    Blow.NO_MONGO: _in_trouble(Condition(Way.CUT), [MONGO]),
    Blow.NO_REDIS: _in_trouble(Condition(Way.SWALLOW), [REDIS]),
    Blow.NEITHER: _in_trouble(Condition(Way.CUT), STORES),
}


# --- what MongoDB saw


@dataclass(frozen=True, slots=True)
class EngineWrite:
    """A write to the run as its server noted it: whose, under which epoch, whether it matched."""

    who: str
    epoch: int
    took: bool


def note_engine_writes(field: LinkedStack) -> None:
    """From now on MongoDB keeps every conditional write to a run."""
    database = field.stack.database
    database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
    wanted = {"ns": f"{database.name}.process_runs", "command.findAndModify": {"$exists": True}}
    database.command("profile", 1, filter=wanted)


def engine_writes(field: LinkedStack) -> list[EngineWrite]:
    """Those that an engine made, in the order in which MongoDB carried them out."""
    of_engines = {"command.upsert": {"$ne": True}}
    found = field.stack.database["system.profile"].find(of_engines).sort("$natural", 1)
    return [write for entry in found if (write := _write_of(entry)) is not None]


def _write_of(entry: Mapping[str, Any]) -> EngineWrite | None:
    """By the epoch that it would leave in the run; None for one that leaves none."""
    update = entry["command"]["update"]
    stages = update if isinstance(update, list) else [update]
    set_to = [stage["$set"]["epoch"] for stage in stages if "epoch" in stage.get("$set", {})]
    if not set_to:
        return None
    epoch = set_to[0]["$literal"] if isinstance(set_to[0], dict) else set_to[0]
    return EngineWrite(entry["appName"], int(epoch), bool(entry.get("nMatched")))


def assert_one_engine_at_a_time(writes: Sequence[EngineWrite]) -> str:
    """That epochs of what took effect only rose, each of one process alone; a summary."""
    took = [write for write in writes if write.took]
    assert all(a.epoch <= b.epoch for a, b in pairwise(took)), "a former leader wrote"
    epochs = {write.epoch for write in took}
    holders = {(write.who, write.epoch) for write in took}
    assert len(holders) == len(epochs), f"two engines wrote under one epoch: {sorted(holders)}"
    refused = len(writes) - len(took)
    return f"{len(took)} writes of engines under {len(epochs)} epochs, {refused} refused"
