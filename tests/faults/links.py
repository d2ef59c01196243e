"""What is done to the links of a running stack, and how long until the work goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.e2e import handlers
from tests.e2e.stack import until
from tests.faults.linked import LinkedStack, Part
from tests.faults.proxy import Condition, Way
from tests.faults.recovery import FINAL, Recovery, Wound, await_healed, held_by, running_jobs

SLOW = 0.15
LEASE_SECONDS = 10.0
FIND_WORK_SECONDS = 5.0
ENVIRON = {
    **handlers.SLOWED,
    "GENERATION_CHUNK_SIZE": "100",
    "GENERATION_CONCURRENCY": "1",
}


class Trouble(StrEnum):
    """What happens to a link, as reports call it."""

    CUT = "cut, by reset"
    SWALLOW = "black hole"
    FORGET = "forgotten"
    HOLD = "held up"
    SLOW = "100 ms late"
    VERY_SLOW = "2 s late"
    TEAR = "torn replies"


CONDITIONS = {
    Trouble.CUT: Condition(Way.CUT),
    Trouble.SWALLOW: Condition(Way.SWALLOW),
    # as of a firewall that starts anew: what is there is dead without a word, what is new is well
    Trouble.FORGET: Condition(Way.SWALLOW),
    Trouble.HOLD: Condition(Way.HOLD),
    Trouble.SLOW: Condition(delay_seconds=0.1),
    Trouble.VERY_SLOW: Condition(delay_seconds=2.0),
    # a connection comes about, and few replies later it is gone
    Trouble.TEAR: Condition(Way.TEAR, reply_bytes=1_500),
}
# what a lease does not survive, and what it does
SECONDS = {
    Trouble.CUT: 4.0,
    Trouble.SWALLOW: LEASE_SECONDS + 2.0,
    Trouble.FORGET: 0.1,
    Trouble.HOLD: LEASE_SECONDS + 2.0,
    Trouble.SLOW: 3.0,
    Trouble.VERY_SLOW: 7.0,
    Trouble.TEAR: 4.0,
}


@dataclass(frozen=True, slots=True)
class LinkFault:
    """One link of one process in trouble for so many seconds; of orchestrators, the leader's."""

    role: str
    store: str
    trouble: Trouble
    index: int = 0

    @property
    def name(self) -> str:
        """`worker-mongo black hole`, as in the table at the end."""
        return f"{self.role}-{self.store} {self.trouble}"

    @property
    def for_seconds(self) -> float:
        """How long it lasts."""
        return SECONDS[self.trouble]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fault that is over, and how many jobs came to their end while it lasted."""

    recovery: Recovery
    meanwhile: int
    lasted_seconds: float


def ended(field: LinkedStack) -> int:
    """How many jobs have come to their end."""
    return int(field.stack.database.jobs.count_documents({"status": {"$in": FINAL}}))


def strike(field: LinkedStack, fault: LinkFault) -> Outcome:
    """Let it happen, heal it, and wait until all that was held is settled and more comes."""
    part, held = _victim(field, fault)
    before, struck_at = ended(field), time.monotonic()
    part.become(CONDITIONS[fault.trouble], [fault.store])
    time.sleep(fault.for_seconds)
    meanwhile = ended(field) - before
    part.heal()
    wound = Wound(fault, held, struck_at, time.monotonic(), _goes_on(field))
    healed_at = await_healed(field.stack, wound)
    recovery = Recovery(fault, healed_at - wound.over_at, healed_at - struck_at, len(held))
    return Outcome(recovery, meanwhile, fault.for_seconds)


def _victim(field: LinkedStack, fault: LinkFault) -> tuple[Part, Sequence[str]]:
    """Whose link it is, and what it holds if it soon does; all that runs, of the leader's."""
    leads = fault.role == "orchestrator"
    part = until(field.leader) if leads else field.of(fault.role)[fault.index]
    deadline = time.monotonic() + FIND_WORK_SECONDS

    def at_work() -> tuple[list[str]] | None:
        held = running_jobs(field.stack) if leads else held_by(field.stack, part.pid)
        return (held,) if held or time.monotonic() > deadline else None

    return part, until(at_work)[0]


def _goes_on(field: LinkedStack) -> Callable[[], bool]:
    """Whether more jobs have come to their end than now."""
    before = ended(field)
    return lambda: ended(field) > before
