"""Failures of one kind have one fingerprint, however often and to whom they happen."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pedidos_common.domain.fingerprints import LENGTH, fingerprint, without_own

SAME = [
    (
        "payment co_abcdefghijklmnopqrstuvwxyz:payment was declined",
        "payment co_234567abcdefghijklmnopqrst:payment was declined",
    ),
    ("no answer within 5.0 s", "no answer within 12.25 s"),
    ("10.0.0.7:8443 refused the connection", "192.168.1.20:443 refused the connection"),
    ("[fe80::1]:25 is away", "[2001:db8::ff00:42]:587 is away"),
    ("<Charge object at 0x7f31aa0>", "<Charge object at 0x55ffe012b>"),
    ("late since 2026-11-26T07:30:00.123Z", "late since 2025-01-02 03:04:05+01:00"),
    ("run 01934f1e-7c00-8a1b-8c3d-4e0000000000", "run 01934f1e-7c01-8a1b-8c3d-4e00000000ff"),
    ("ana@example.com is no mailbox", "bob.b+x@mail.example.org is no mailbox"),
    ("digest deadbeef01 differs", "digest 77aa0c1d differs"),
    ("no  such\n  product 7", "No such product 12"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_is_one_jobs_own_makes_no_difference(one: str, other: str) -> None:
    assert without_own(one) == without_own(other)
    assert fingerprint("f", one) == fingerprint("f", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("card declined", "card expired"),
        ("no answer within 5 s", "no stock within 5 s"),
        ("MongoDB: not primary", "MongoDB: interrupted"),
        ("a face added", "a cafe added"),
    ],
)
def test_other_words_are_another_kind(one: str, other: str) -> None:
    assert fingerprint("f", one) != fingerprint("f", other)


def test_another_function_is_another_kind() -> None:
    assert fingerprint("capture-payment", "no answer") != fingerprint("refund-payment", "no answer")


@given(st.text(), st.text())
def test_any_text_has_one_of_the_same_length(function: str, error: str) -> None:
    found = fingerprint(function, error)
    assert len(found) == LENGTH
    assert found == fingerprint(function, error)


def test_a_hostile_text_takes_no_longer_than_others() -> None:
    began = time.process_time()
    for hostile in ("a" * 9_999, "0" * 9_999, "a:" * 5_000, "a.@" * 4_000, "1.1." * 3_000):
        fingerprint("f", hostile)
    assert time.process_time() - began < 0.5
