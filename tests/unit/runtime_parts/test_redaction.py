"""Passwords never reach a log."""

from __future__ import annotations

import json

import pytest

from pedidos_common.runtime.redaction import redact, shown_address


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("mongodb://u:hun:ter@2@a,b/?x=1", "mongodb://u:***@a,b/?x=1"),
        ('"at redis://u:p@h" and "http://u:q@i"', '"at redis://u:***@h" and "http://u:***@i"'),
        ("http://host:80/path?mail=a@b", "http://host:80/path?mail=a@b"),
        ("mongodb://a:1,b:2/db", "mongodb://a:1,b:2/db"),
        ("redis://h:1/0?db=2&password=S3CRET&x=1", "redis://h:1/0?db=2&password=***&x=1"),
        ("redis+sentinel://h?sentinel_password=S3", "redis+sentinel://h?sentinel_password=***"),
        (
            "mongodb://h/?tlsCertificateKeyFilePassword=S3CRET",
            "mongodb://h/?tlsCertificateKeyFilePassword=***",
        ),
        ("GET /a?apiKey=S3&TOKEN=S3&page=2", "GET /a?apiKey=***&TOKEN=***&page=2"),
        (
            "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:S3",
            "mongodb://h/?authMechanismProperties=***",
        ),
        ("password=3 fields, what?key", "password=3 fields, what?key"),
        ("mail me at a@b.c: now", "mail me at a@b.c: now"),
    ],
)
def test_addresses_lose_their_passwords(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("secret", ['S3"CRET', "S3\\", "S3\\CRET", "S3'CRET", "S3é\n"])
def test_a_rendered_line_stays_json_and_tells_nothing(secret: str) -> None:
    line = json.dumps({"reason": f"no answer at redis://h?password={secret}", "next": 1})
    shown = json.loads(redact(line))
    assert shown["reason"] == "no answer at redis://h?password=***"
    assert shown["next"] == 1


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis+sentinel://h:1,i/0?service=m&sentinel_password=S3", "redis+sentinel://h:1,i/0"),
        ("mongodb://u:S3@h/?tlsCertificateKeyFilePassword=S3", "mongodb://u:***@h/"),
        ("redis://u:1?S3@h", "redis://u:***@h"),
    ],
)
def test_an_address_is_shown_without_its_query(address: str, shown: str) -> None:
    assert shown_address(address) == shown
