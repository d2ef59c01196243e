"""A circuit breaker: closed, open, half open. Pure; whoever keeps its record keeps the clock.

Closed, calls go through, and so many failures one after the other open it: of all calls, or of
those that change something. The latter are counted apart, as a provider that still answers look-ups
may be able to do nothing else; a look-up that succeeds does not end their row. Open, nothing goes
through until its pause is over. Then it is half open: one call goes through as a trial, whose
success closes it and whose failure opens it anew. A trial that is never told of (its process died)
is over after a bound, and the next call is the trial.

What calls tell that went through before it opened changes nothing any more: only its trial does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

SHORTEST_WAIT_SECONDS = 0.1
LONGEST_TRIAL_WAIT_SECONDS = 2.0


class BreakerState(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When it opens, for how long, and how long a trial may take before another one is made."""

    failures: int = 5
    pause_seconds: float = 60.0
    trial_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call may be made; `trial` is not empty where the breaker waits for what becomes of it."""

    trial: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    """The call must not be made; after so long another one may be."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker's record; moments are seconds on the clock of whoever keeps it.

    `failures` counts those on end of all calls, `changes` those on end of calls that change
    something. `open_until` is 0 while it is closed. `trial` names the trial that is under way, if
    one is, until `trial_until`.
    """

    failures: int = 0
    open_until: float = 0.0
    trial: str = ""
    trial_until: float = 0.0
    changes: int = 0

    def state(self, now: float) -> BreakerState:
        """What it does with calls now."""
        if not self.open_until:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.open_until else BreakerState.HALF_OPEN


CLOSED = Breaker()


def admit(
    breaker: Breaker, policy: BreakerPolicy, now: float, trial: str
) -> tuple[Breaker, Admitted | Paused]:
    """Whether a call may be made now, and the record that follows; `trial` names it if it is one.

    The record is the same unless the call is a trial.
    """
    match breaker.state(now):
        case BreakerState.CLOSED:
            return breaker, Admitted()
        case BreakerState.OPEN:
            return breaker, _paused(breaker.open_until - now)
        case BreakerState.HALF_OPEN if now < breaker.trial_until:
            # nearly always it is over long before its bound
            wait = min(breaker.trial_until - now, LONGEST_TRIAL_WAIT_SECONDS)
            return breaker, _paused(wait)
    begun = replace(breaker, trial=trial, trial_until=now + policy.trial_seconds)
    return begun, Admitted(trial)


def _paused(seconds: float) -> Paused:
    return Paused(max(seconds, SHORTEST_WAIT_SECONDS))


def succeeded(breaker: Breaker, admitted: Admitted, *, look_up: bool = False) -> Breaker:
    """The record after a call that the provider answered."""
    if breaker.open_until and not _is_its_trial(breaker, admitted):
        return breaker
    return Breaker(changes=breaker.changes) if look_up else CLOSED


def failed(
    breaker: Breaker,
    policy: BreakerPolicy,
    now: float,
    admitted: Admitted,
    *,
    look_up: bool = False,
) -> Breaker:
    """The record after a call that the provider did not answer."""
    if breaker.open_until:
        if not _is_its_trial(breaker, admitted):
            return breaker
        return Breaker(breaker.failures, now + policy.pause_seconds, changes=breaker.changes)
    failures, changes = breaker.failures + 1, breaker.changes + (not look_up)
    is_open = max(failures, changes) >= policy.failures
    return Breaker(failures, now + policy.pause_seconds if is_open else 0.0, changes=changes)


def _is_its_trial(breaker: Breaker, admitted: Admitted) -> bool:
    return bool(admitted.trial) and admitted.trial == breaker.trial


def moved(breaker: Breaker, seconds: float) -> Breaker:
    """The record on a clock that shows `seconds` more."""
    return replace(
        breaker,
        open_until=breaker.open_until + seconds if breaker.open_until else 0.0,
        trial_until=breaker.trial_until + seconds if breaker.trial else 0.0,
    )
