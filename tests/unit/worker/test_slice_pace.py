"""How many orders a handler is given at once, by how long it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedidos_worker.slice_pace import SlicePace


def sizes(seconds_of: Callable[[int], float], pace: SlicePace, slices: int = 40) -> list[int]:
    """The sizes of so many slices, each as large as it may be."""
    seen = []
    for _ in range(slices):
        seen.append(pace.size)
        pace.took(pace.size, seconds_of(pace.size))
    return seen


@pytest.mark.parametrize(
    ("order_seconds", "least", "most"),
    [(0.000_01, 1_000, 1_000), (0.002, 250, 750), (0.02, 25, 75), (0.5, 10, 20)],
)
@pytest.mark.parametrize("start", [10, 100, 1_000])
def test_a_slice_takes_about_a_second(
    order_seconds: float, least: int, most: int, start: int
) -> None:
    seen = sizes(lambda orders: orders * order_seconds, SlicePace(10, 1_000, start))
    assert all(least <= size <= most for size in seen[10:])


@pytest.mark.parametrize("start", [10, 100, 1_000])
@pytest.mark.parametrize("seconds", [2.0, 10.0])
def test_calls_that_cost_the_same_for_any_number_are_not_made_smaller(
    start: int, seconds: float
) -> None:
    seen = sizes(lambda _orders: seconds, SlicePace(10, 1_000, start), 200)
    assert sum(size == 1_000 for size in seen[20:]) > 0.9 * len(seen[20:])


def test_it_follows_a_handler_that_becomes_slow_and_quick_again() -> None:
    pace = SlicePace(10, 1_000, 100)
    sizes(lambda orders: orders * 0.000_1, pace)
    assert pace.size == 1_000
    sizes(lambda orders: orders * 0.1, pace)
    assert pace.size <= 15
    sizes(lambda orders: orders * 0.000_1, pace)
    assert pace.size == 1_000


def test_a_few_orders_that_take_long_do_not_make_slices_small() -> None:
    pace = SlicePace(10, 1_000, 1_000)
    for _ in range(100):
        pace.took(2, 5.0)
    assert pace.size == 1_000


def test_one_that_was_cut_short_is_smaller_the_next_time() -> None:
    pace = SlicePace(100, 1_000, 1_000)
    pace.took(100, 3.0, offered=1_000)
    assert pace.size == 100


def test_more_calls_at_once_than_fit_a_slice_are_one_slice() -> None:
    assert SlicePace(5_000, 1_000).size == 5_000


@given(
    smallest=st.integers(1, 2_000),
    start=st.integers(1, 2_000),
    slices=st.lists(st.tuples(st.integers(1, 2_000), st.floats(0, 1_000), st.integers(0, 2_000))),
)
def test_whatever_happens_it_stays_within_its_bounds(
    smallest: int, start: int, slices: list[tuple[int, float, int]]
) -> None:
    pace = SlicePace(smallest, 1_000, start)
    for orders, seconds, more in slices:
        pace.took(orders, seconds, offered=orders + more)
        assert smallest <= pace.size <= max(smallest, 1_000)
        assert pace.size % smallest == 0
    assert len(pace._latest) <= 12
