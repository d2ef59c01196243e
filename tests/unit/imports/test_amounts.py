"""Amounts of money as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedidos_common.domain.imports import fields
from pedidos_common.domain.imports.rows import BadRow


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1234.56", 123_456),
        ("1234,56", 123_456),
        ("1.234,56", 123_456),
        ("1,234.56", 123_456),
        ("1.234.567,8", 123_456_780),
        (" 12.3 ", 1_230),
        ("+12", 1_200),
        ("0.00", 0),
        ("0", 0),
        ("007.05", 705),
        ("1000000000000", 10**14),
        ("1000000000000.00", 10**14),
    ],
)
def test_amounts_that_are_read(text: str, cents: int) -> None:
    assert fields.valor_cents(text) == cents


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "valor is empty"),
        ("  ", "valor is empty"),
        ("-5.00", "is negative"),
        ("-0", "is negative"),
        ("1.234", "at most 2 decimals"),
        ("1,234", "at most 2 decimals"),
        ("12.345", "at most 2 decimals"),
        ("29.330", "at most 2 decimals"),
        ("1,2,3", "at most 2 decimals"),
        ("1.234.567", "at most 2 decimals"),
        ("NaN", "is not a number"),
        ("Infinity", "is not a number"),
        ("abc", "is not a number"),
        ("R$ 5", "is not a number"),
        ("\u0661\u0662", "is not a number"),
        ("1 234", "is not a number"),
        ("1e3", "is not an amount"),
        ("1000000000000.01", "is over 1,000,000,000,000"),
        ("9" * 16, "is not an amount"),
        ("9" * 5_000, "is not an amount"),
    ],
)
def test_amounts_that_are_rejected(text: str, reason: str) -> None:
    with pytest.raises(BadRow, match=reason) as caught:
        fields.valor_cents(text)
    assert len(str(caught.value)) < 200


@given(st.integers(0, 10**14), st.sampled_from(".,"), st.booleans())
def test_every_amount_comes_back_to_the_cent(cents: int, mark: str, grouped: bool) -> None:
    units, rest = divmod(cents, 100)
    whole = f"{units:,}".replace(",", {".": ",", ",": "."}[mark]) if grouped else str(units)
    assert fields.valor_cents(f"{whole}{mark}{rest:02}") == cents
