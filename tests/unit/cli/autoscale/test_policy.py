"""How many workers there should be, look for look."""

from __future__ import annotations

import pytest

from pedidos_cli.autoscale.bounds import Bounds, bounds_named
from pedidos_cli.autoscale.policy import Pace, Policy
from pedidos_cli.errors import CliError, ExitStatus

PACE = Pace(target=10, add=15, patience=120, take=60)


def policy(least: int = 1, most: int = 10) -> Policy:
    return Policy(Bounds(least, most), PACE)


def test_above_the_target_two_are_added() -> None:
    assert policy().decide(0, work_seconds=21, workers=2) == 4


def test_at_the_target_the_number_stays() -> None:
    assert policy().decide(0, work_seconds=20, workers=2) == 2


def test_those_that_were_added_get_time_to_help() -> None:
    asked = policy()
    assert asked.decide(0, 1_000, 2) == 4
    assert asked.decide(14, 1_000, 4) == 4
    assert asked.decide(15, 1_000, 4) == 6


def test_never_more_than_the_most() -> None:
    assert policy(most=3).decide(0, 1_000, 2) == 3


def test_one_is_taken_away_when_fewer_were_enough_for_long() -> None:
    asked = policy()
    decided = {second: asked.decide(second, 10, 4) for second in range(0, 121, 5)}
    assert decided.pop(120) == 3
    assert set(decided.values()) == {4}


def test_a_moment_of_need_in_between_counts() -> None:
    asked = policy()
    assert asked.decide(0, 10, 3) == 3
    assert asked.decide(100, 25, 3) == 3
    assert asked.decide(120, 10, 3) == 3
    assert asked.decide(219, 10, 3) == 3
    assert asked.decide(220, 10, 3) == 2


def test_the_next_is_taken_away_later() -> None:
    asked = policy()
    asked.decide(0, 0, 4)
    assert asked.decide(120, 0, 4) == 3
    assert asked.decide(179, 0, 3) == 3
    assert asked.decide(180, 0, 3) == 2


def test_never_fewer_than_the_least() -> None:
    asked = policy(least=2)
    asked.decide(0, 0, 2)
    assert asked.decide(1_000, 0, 2) == 2


def test_none_is_taken_away_that_would_be_needed_at_once() -> None:
    asked = policy()
    decided = [asked.decide(second, 25, 3) for second in range(0, 1_000, 5)]
    assert set(decided) == {3}


@pytest.mark.parametrize("text", ["", "3", "3:", ":3", "0:3", "4:3", "2:257", "a:b", "1:2:3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(CliError, match="smaller one first, as in 2:8") as refused:
        bounds_named(text)
    assert refused.value.status is ExitStatus.USAGE


def test_a_range_is_least_and_most() -> None:
    assert bounds_named("2:8") == Bounds(2, 8)
    assert str(Bounds(2, 8)) == "2:8"
    assert [Bounds(2, 8).nearest(n) for n in (1, 5, 9)] == [2, 5, 8]
