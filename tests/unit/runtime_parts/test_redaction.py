"""Passwords never reach a log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
import structlog
from pydantic import SecretStr

from pedidos_common.domain.errors import Unavailable
from pedidos_common.runtime.redaction import redact, shown_address
from pedidos_common.runtime.settings import LogSettings, Settings
from pedidos_generator.settings import GeneratorSettings
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_worker.settings import WorkerSettings
from tests.unit.runtime_parts.test_logs import logging_to

SERVICES: tuple[type[Settings], ...] = (OrchestratorSettings, GeneratorSettings, WorkerSettings)
GIVEN: Mapping[str, str] = {
    "mongo_uri": "mongodb://user:hunter2@h/?tlsCertificateKeyFilePassword=hunter2",
    "redis_url": "redis://user:hunter2@h/0?password=hunter2",
    "redis_password": "hunter2",
    "api_key": "pedidos_hunter2-and-thirty-two-random-bytes-in-all_",
    "webhook_url": "https://user:hunter2@h/hook?token=hunter2",
    "webhook_secret": "whsec_hunter2aaaaaaaaaaaaaaaaaaaaa",
    "otel_exporter_otlp_headers": "authorization=Bearer%20hunter2",
    "payment_api_key": "hunter2-of-payments",
    "payment_webhook_secret": "whsec_hunter2aaaaaaaaaaaaaaaaaaaaa",
    "sms_api_key": "hunter2-of-messages",
    "smtp_url": "smtp://user:hunter2@h:587",
}


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


def secret_fields(model: type[Settings]) -> set[str]:
    def is_secret(annotation: Any) -> bool:
        return annotation is SecretStr or SecretStr in get_args(annotation)

    return {name for name, field in model.model_fields.items() if is_secret(field.annotation)}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with logging_to(stream, LogSettings(log_level="DEBUG")):
        yield stream


def test_every_secret_setting_is_looked_at_here() -> None:
    assert set[str]().union(*map(secret_fields, SERVICES)) == set(GIVEN)


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_secret_is_in_no_line_as_a_field_of_its_name(name: str, written: io.StringIO) -> None:
    log = structlog.get_logger("test")
    log.info("started", **{name: GIVEN[name]})
    log.info("started", **{name: SecretStr(GIVEN[name])})
    logging.getLogger("foreign").warning("started", extra={name: GIVEN[name]})
    assert written.getvalue().count("***") >= 3
    assert "hunter2" not in written.getvalue()


# these look like any other words: they must not be put into a text
PLAIN = {"redis_password", "otel_exporter_otlp_headers", "payment_api_key", "sms_api_key"}
TELLING = sorted(GIVEN.keys() - PLAIN)


@pytest.mark.parametrize("name", TELLING)
def test_a_secret_is_in_no_line_amid_a_text(name: str, written: io.StringIO) -> None:
    log, secret = structlog.get_logger("test"), GIVEN[name]
    log.info("called", reason=f"no answer at {secret}, tried twice", headers={"x": secret})
    logging.getLogger("foreign").warning("could not reach %s", secret)
    log.error("failed", exc_info=Unavailable(f"could not reach {secret}"))
    assert written.getvalue().count("***") >= 4
    assert "hunter2" not in written.getvalue()
    for line in written.getvalue().splitlines():
        json.loads(line)


@pytest.mark.parametrize("model", SERVICES)
def test_settings_tell_no_secret_when_they_are_shown(model: type[Settings]) -> None:
    given = {name: GIVEN[name] for name in secret_fields(model)}
    settings = model.model_validate(given)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "text", ["pedidos_orchestrator.http.security", "pedidos_jobs_total", "KEY_PREFIX=pedidos:"]
)
def test_names_that_begin_like_keys_are_left(text: str) -> None:
    assert redact(text) == text
