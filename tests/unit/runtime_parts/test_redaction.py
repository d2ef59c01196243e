"""Passwords never reach a log."""

from __future__ import annotations

import pytest

from pedidos_common.runtime.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("mongodb://u:hun:ter@2@a,b/?x=1", "mongodb://u:***@a,b/?x=1"),
        ('"at redis://u:p@h" and "http://u:q@i"', '"at redis://u:***@h" and "http://u:***@i"'),
        ("http://host:80/path?mail=a@b", "http://host:80/path?mail=a@b"),
        ("mongodb://a:1,b:2/db", "mongodb://a:1,b:2/db"),
        ("mail me at a@b.c: now", "mail me at a@b.c: now"),
    ],
)
def test_addresses_lose_their_passwords(text: str, shown: str) -> None:
    assert redact(text) == shown
