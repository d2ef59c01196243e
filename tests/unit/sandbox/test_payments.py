"""A payment's table, and the page that tells it."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pedidos_sandbox import faults, payments, settings
from pedidos_sandbox.payments import InvalidState, Payment, PaymentStatus, PaymentTrigger

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
AT = datetime(2026, 1, 2, tzinfo=UTC)


def test_the_table_is_on_the_page() -> None:
    table = {
        (before or "none", trigger.value, after.value)
        for (before, trigger), after in payments.TRANSITIONS.items()
    }
    found = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \|", PAGE, flags=re.MULTILINE)
    assert {row for row in found if row[0] != "from"} == table


def test_tokens_modes_and_settings_are_on_the_page() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(payments.METHODS) <= named
    assert set(faults.Mode) | set(faults.Operation) <= named
    assert {f"SANDBOX_{name.upper()}" for name in settings.SandboxSettings.model_fields} <= named


def test_what_the_table_does_not_have_changes_nothing() -> None:
    for status, trigger in itertools.product(PaymentStatus, PaymentTrigger):
        payment = Payment("ch_1", "pay_1", 1, "EUR", "tok_ok", AT, AT, status)
        if (status, trigger) in payments.TRANSITIONS:
            continue
        with pytest.raises(InvalidState):
            payment.apply(trigger, AT, "key")
        assert (payment.status, payment.history) == (status, [])


def test_money_that_was_given_back_or_never_held_is_not_given_back_again() -> None:
    """However its steps are ordered, a payment is captured once at most, and refunded once."""
    steps = [trigger for trigger in PaymentTrigger if trigger is not PaymentTrigger.DECLINE_CAPTURE]
    for order in itertools.product(steps, repeat=4):
        payment = Payment("ch_1", "pay_1", 1, "EUR", "tok_ok", AT, AT)
        for trigger in order:
            try:
                payment.apply(trigger, AT, None)
            except InvalidState:
                continue
        done = [event.trigger for event in payment.history]
        assert done.count(PaymentTrigger.CAPTURE) <= 1
        assert done.count(PaymentTrigger.REFUND) <= done.count(PaymentTrigger.CAPTURE)
        assert not {PaymentTrigger.VOID, PaymentTrigger.CAPTURE} <= set(done)
