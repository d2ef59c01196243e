"""Every interleaving of a small run keeps its promises; without a guard, what breaks is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.counted import COUNTED
from tests.model.explorer import Exploration, explore
from tests.model.state import State
from tests.model.weakened import WEAKENED

CLAIM_EARLY = "a NORMAL batch was claimed before every VIP order was final"
SETTLED_EARLY = "a job was settled before its order was written"
LATE_WRITE = "a worker whose lease had ended changed an order"
STALE = "a stale worker settled another's job"
NO_END = "the run can't end well any more"
BREAKS = {
    "settle_checks_lease": STALE,
    "lease_id_is_random": STALE,
    "writes_end_with_the_lease": LATE_WRITE,
    "only_pending_orders_change": "an order ended twice",
    "claim_wants_a_queued_job": "two workers hold a valid lease of one job",
    "expiry_waits_for_the_lease": "a lease was taken for ended while its worker's heart beat",
    "expiry_compares_again": "expiry took away what was settled or another's",
    "leases_expire": NO_END,
    "lost_rings_are_rung_again": NO_END,
    "retries_come_due": NO_END,
    "barrier_holds": CLAIM_EARLY,
    "settle_follows_the_write": SETTLED_EARLY,
    "what_is_left_is_tried_again": SETTLED_EARLY,
    "redelivered_batches_are_counted": "a batch counts other orders than it has",
}


def told(seen: Exploration) -> str:
    return f"explorer: {seen.states:,} states, {seen.transitions:,} transitions"


@pytest.mark.timeout(300)
def test_one_crash_one_zombie_and_one_rollback_break_nothing(
    record_property: Callable[[str, object], None],
) -> None:
    seen = explore(State(losses=0, repeats=0))
    assert seen.wrong is None, seen.way
    assert seen.states > 40_000, "the world has shrunk: what is not explored any more?"
    record_property(COUNTED, told(seen))


@pytest.mark.timeout(300)
def test_a_lost_and_a_repeated_ring_break_nothing(
    record_property: Callable[[str, object], None],
) -> None:
    seen = explore(State(rollbacks=0))
    assert seen.wrong is None, seen.way
    assert seen.states > 5_000, "the world has shrunk: what is not explored any more?"
    record_property(COUNTED, f"{told(seen)}, with rings that are lost and come twice")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_lost_and_a_repeated_ring_beside_them_break_nothing(
    record_property: Callable[[str, object], None],
) -> None:
    seen = explore(State())
    assert seen.wrong is None, seen.way
    assert seen.states > 200_000, "the world has shrunk: what is not explored any more?"
    record_property(COUNTED, told(seen))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("guard", WEAKENED)
def test_without_a_guard_it_is_seen_what_breaks(
    guard: str, record_property: Callable[[str, object], None]
) -> None:
    # whether the end can be reached is known when all is seen: of a smaller world
    start = State(rollbacks=0, repeats=0) if BREAKS[guard] is NO_END else State()
    with WEAKENED[guard]():
        seen = explore(start)
    assert seen.wrong == BREAKS[guard]
    steps = f"in {len(seen.way)} steps, the shortest way" if seen.wrong != NO_END else "at the end"
    record_property(COUNTED, f"explorer, without {guard}: {seen.wrong}, {steps}")
