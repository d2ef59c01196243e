"""The circuit breaker's machine: it opens when it must, and one trial at a time closes it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_common.domain.breakers import (
    CLOSED,
    Admitted,
    Breaker,
    BreakerPolicy,
    BreakerState,
    Paused,
    admit,
    failed,
    moved,
    succeeded,
)

POLICY = BreakerPolicy(failures=3, pause_seconds=60.0, trial_seconds=10.0)
OPEN = Breaker(3, open_until=60.0)


def test_it_opens_at_the_last_failure_for_its_pause() -> None:
    breaker = CLOSED
    for _ in range(2):
        breaker = failed(breaker, POLICY, 5.0, Admitted())
        assert breaker.state(5.0) is BreakerState.CLOSED
    breaker = failed(breaker, POLICY, 5.0, Admitted())
    assert breaker.state(64.9) is BreakerState.OPEN
    assert breaker.state(65.0) is BreakerState.HALF_OPEN
    assert admit(breaker, POLICY, 5.0, "t") == (breaker, Paused(60.0))


def test_a_wait_is_never_nothing() -> None:
    _, answer = admit(OPEN, POLICY, 60.0 - 1e-9, "t")
    assert isinstance(answer, Paused)
    assert answer.seconds >= 0.1


def test_the_time_of_another_clock_is_the_same_time() -> None:
    trying, _ = admit(OPEN, POLICY, 61.0, "t")
    there = moved(trying, 1_000.0)
    for now in (59.0, 61.0, 70.9, 71.1):
        assert there.state(now + 1_000.0) is trying.state(now)
        theirs, ours = (
            admit(each, POLICY, at, "u")[1] for each, at in ((there, now + 1e3), (trying, now))
        )
        assert type(theirs) is type(ours)
    assert moved(CLOSED, 1_000.0) == CLOSED


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["call", "answer", "fail"]), st.integers(0, 30))))
def test_open_it_lets_one_call_through_at_a_time(steps: list[tuple[str, int]]) -> None:
    breaker, now, on = OPEN, 0.0, dict[str, float]()
    for number, (step, seconds) in enumerate(steps):
        now += seconds
        if step == "call":
            breaker, answer = admit(breaker, POLICY, now, str(number))
            if breaker.state(now) is BreakerState.CLOSED:
                return
            if isinstance(answer, Admitted):
                assert now >= 60.0
                assert all(now >= until for until in on.values())
                on[answer.trial] = now + POLICY.trial_seconds
        elif on:
            trial = Admitted(next(reversed(on)))
            on.clear()
            if step == "answer":
                assert succeeded(breaker, trial) == CLOSED
                return
            breaker = failed(breaker, POLICY, now, trial)
            assert breaker.state(now) is BreakerState.OPEN
