"""A body's fingerprint is of what it says, not of how it is written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_checkout.domain.fingerprints import fingerprint

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turned(one) for name, one in reversed(value.items())}
    return [_turned(one) for one in value] if isinstance(value, list) else value


@given(value=VALUES)
@settings(max_examples=60, deadline=None)
def test_spacing_and_the_order_of_keys_dont_matter(value: Any) -> None:
    written = json.loads(json.dumps(_turned(value), indent=3))
    assert fingerprint(written) == fingerprint(value)


def _plain(value: Any) -> Any:
    """The value so that Python's own equality tells what JSON tells apart."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _plain(one)) for name, one in value.items()))
    if isinstance(value, list):
        return ("list", tuple(_plain(one) for one in value))
    return ("bool", value) if isinstance(value, bool) else ("plain", value)


@given(one=VALUES, other=VALUES)
@settings(max_examples=60, deadline=None)
def test_it_tells_bodies_apart(one: Any, other: Any) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (_plain(one) == _plain(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (5, 5.0),
        (Decimal("5.00"), 5),
        (Decimal(10), Decimal("1e1")),
        (0, -0.0),
        ((1, 2), [1, 2]),
        (Decimal("0.10"), 0.1),
    ],
)
def test_equal_amounts_are_the_same(one: Any, other: Any) -> None:
    assert fingerprint({"amount": one}) == fingerprint({"amount": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": None}, {}),
        ({"a": True}, {"a": 1}),
        ({"a": "5"}, {"a": 5}),
        ({"a": ["text", "x"]}, {"a": "x"}),
        ({"a": [[1], 2]}, {"a": [1, [2]]}),
        ({"a": Decimal("1." + "0" * 40 + "1")}, {"a": 1}),
        ({"a": -1}, {"a": 1}),
    ],
)
def test_what_is_not_the_same_is_told_apart(one: Any, other: Any) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_a_number_of_great_size_costs_nothing() -> None:
    assert fingerprint(Decimal("1e999999")) == fingerprint(Decimal("10e999998"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("sNaN")])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no number"):
        fingerprint({"amount": value})


def test_what_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="set is nothing"):
        fingerprint({"a": {1}})
