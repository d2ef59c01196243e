"""The jobs' table, walked in full, and the retry policy."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedidos_common.domain.errors import InvalidTransition
from pedidos_common.domain.jobs import (
    FINAL,
    TRANSITIONS,
    JobStatus,
    JobTrigger,
    RetryPolicy,
    advance,
    sources,
)


@pytest.mark.parametrize(("status", "trigger"), list(product(JobStatus, JobTrigger)))
def test_every_pair_of_state_and_trigger(status: JobStatus, trigger: JobTrigger) -> None:
    if (status, trigger) in TRANSITIONS:
        assert advance(status, trigger) is TRANSITIONS[status, trigger]
    else:
        with pytest.raises(InvalidTransition):
            advance(status, trigger)


def test_a_job_that_succeeded_stays_so() -> None:
    assert not any(status is JobStatus.SUCCEEDED for status, _ in TRANSITIONS)


def test_final_states_are_left_by_a_resume_alone() -> None:
    assert {t for s, t in TRANSITIONS if s in FINAL} == {JobTrigger.RESUME}


def test_only_queued_jobs_are_claimed() -> None:
    assert sources(JobTrigger.CLAIM) == [JobStatus.QUEUED]


@given(
    st.integers(1, 30), st.floats(0, 1, exclude_max=True), st.floats(0.001, 60), st.floats(1, 600)
)
def test_delays_stay_between_half_and_all_of_the_ceiling(
    attempt: int, draw: float, base: float, cap: float
) -> None:
    policy = RetryPolicy(max_attempts=31, base_seconds=base, cap_seconds=cap)
    ceiling = min(base * 2 ** (attempt - 1), cap)
    delay = policy.delay(attempt, draw)
    assert delay is not None
    assert ceiling / 2 <= delay <= ceiling


def test_the_last_attempt_gives_up() -> None:
    assert RetryPolicy(max_attempts=3).delay(2) is not None
    assert RetryPolicy(max_attempts=3).delay(3) is None


def test_neighbours_that_fail_together_do_not_come_back_together() -> None:
    delays = [RetryPolicy(base_seconds=4.0).delay(2) for _ in range(50)]
    assert all(delay is not None and 4.0 <= delay <= 8.0 for delay in delays)
    assert len(set(delays)) > 40
