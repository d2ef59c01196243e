"""Settings, and what is said of wrong ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pedidos_checkout.settings import CheckoutSettings
from pedidos_common.runtime import settings as all_settings
from pedidos_common.runtime.load_settings import load
from pedidos_common.runtime.settings import (
    HttpSettings,
    LeaseSettings,
    LogSettings,
    MetricsSettings,
    MongoSettings,
    OrderSettings,
    ProcessSettings,
    RedisSettings,
    RetentionSettings,
    RunSettings,
    Settings,
    WebhookSettings,
    WorkerSlotSettings,
)


class Everything(
    ProcessSettings,
    MongoSettings,
    RedisSettings,
    LogSettings,
    HttpSettings,
    MetricsSettings,
    LeaseSettings,
    RunSettings,
    OrderSettings,
    WorkerSlotSettings,
    CheckoutSettings,
    RetentionSettings,
    WebhookSettings,
    all_settings.ImportSettings,
):
    """All resources at once, as a service composes some."""


PROMISED_DEFAULTS = {
    "PORT": 3000,
    "MAX_ORDERS": 1_500_000,
    "GENERATION_CHUNK_SIZE": 10_000,
    "NORMAL_ENQUEUE_BATCH_SIZE": 10_000,
    "ORDERS_BATCH_SIZE": 1_000,
    "ORDER_MAX_ATTEMPTS": 5,
    "ORDER_RETRY_BASE_MS": 2_000,
    "ORDER_HANDLER_TIMEOUT_MS": 30_000,
    "RUN_STALL_TIMEOUT_MS": 600_000,
    "ORDERS_QUEUE_CONCURRENCY": 25,
    "LOG_PROGRESS_EVERY_MS": 5_000,
    "LOG_MEMORY": False,
    "BACKEND_LOGS": True,
    "KEY_PREFIX": "pedidos:",
    "MONGO_DB": "pedidos",
    "LEASE_SECONDS": 10,
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Everything.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.delenv("SECRETS_DIR", raising=False)


@pytest.mark.parametrize(("variable", "default"), PROMISED_DEFAULTS.items())
def test_defaults(variable: str, default: object) -> None:
    assert getattr(load(Everything), variable.lower()) == default


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_BATCH_SIZE", "1")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("LOG_MEMORY", "true")
    monkeypatch.setenv("MAX_ORDERS", "")
    settings = load(Everything)
    assert settings.orders_batch_size == 1
    assert settings.log_level == "DEBUG"
    assert settings.log_memory is True
    assert settings.max_orders == 1_500_000, "an empty variable is an unset one"
    assert settings.heartbeat_seconds == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ORDER_MAX_ATTEMPTS", "many", "ORDER_MAX_ATTEMPTS=many: must be a whole number"),
        ("ORDER_MAX_ATTEMPTS", "0", "at least 1 and at most 100; the default is 5"),
        ("ORDERS_BATCH_SIZE", "10001", "ORDERS_BATCH_SIZE=10001"),
        ("MAX_ORDERS", "1.5", "MAX_ORDERS=1.5: must be a whole number"),
        ("PORT", "70000", "PORT=70000"),
        ("LOG_MEMORY", "perhaps", "LOG_MEMORY=perhaps: must be true or false"),
        ("LOG_LEVEL", "loud", "must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("KEY_PREFIX", "a b", "KEY_PREFIX=a b: must match"),
        ("ORDER_HANDLER", "no-colon", "ORDER_HANDLER=no-colon: must match"),
        ("MONGO_URI", "http://x", "MONGO_URI: must be an address that begins with mongodb://"),
        ("REDIS_URL", "http://x", "REDIS_URL: must be an address that begins with redis://"),
        ("WEBHOOK_URL", "ftp://x", "WEBHOOK_URL: must be an address that begins with http://"),
        ("WEBHOOK_URL", "http://", "WEBHOOK_URL: must be an address like https://host"),
        ("WEBHOOK_URL", "http://h:port/", "WEBHOOK_URL: must be an address like https://host"),
        ("WEBHOOK_SECRET", "whsec_not-base64!", "WEBHOOK_SECRET: must be base64 behind whsec_"),
        ("PAYMENT_URL", "pay.example", "PAYMENT_URL=pay.example: must match"),
        ("PAYMENT_URL", "http://", "PAYMENT_URL=http://: must be an address like https://host"),
        ("PAYMENT_URL", "https://a@h", "must be an address without a password, query or fragment"),
        ("PAYMENT_URL", "https://pay.example", "PAYMENT_API_KEY: must be set where PAYMENT_URL is"),
        ("SMS_URL", "https://sms.example", "SMS_API_KEY: must be set where SMS_URL is"),
        ("PAYMENT_WEBHOOK_SECRET", "whsec_not-base64!", "must be base64 behind whsec_"),
        ("SMTP_URL", "http://h", "SMTP_URL: must be an address like smtp://user:password@host"),
        ("SMTP_URL", "smtp://h:port", "SMTP_URL: must be an address like smtp://"),
        ("MAIL_FROM", "nobody", "MAIL_FROM=nobody: must be one address like Shop <"),
        ("CHECKOUT_CURRENCY", "ZZZ", "CHECKOUT_CURRENCY=ZZZ: must be a currency of ISO 4217"),
        ("API_KEY", "short", "API_KEY: is too short; allowed is at least 8 characters"),
        ("MONGO_URI", "mongodb://h:port", "MONGO_URI: must be an address like mongodb://"),
        ("REDIS_URL", "redis://h:port", "REDIS_URL: must be an address like redis://"),
        ("SECRETS_DIR", "/proc/none", "SECRETS_DIR=/proc/none: must be a folder that is there"),
        ("LEASE_SECONDS", "-1", "LEASE_SECONDS=-1"),
    ],
)
def test_a_wrong_value_is_named_and_ends_the_process(
    variable: str,
    value: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        load(Everything)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("Can't start, a setting is wrong:\n")
    assert "pydantic" not in told


def test_all_wrong_values_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("MAX_ORDERS", "x")
    with pytest.raises(SystemExit):
        load(Everything)
    told = capsys.readouterr().err
    assert "PORT=x" in told
    assert "MAX_ORDERS=x" in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MONGO_URI", "wrong://user:hunter2@host"),
        ("REDIS_URL", "wrong://user:hunter2@host"),
        ("API_KEY", "hunter2"),
        ("WEBHOOK_SECRET", "hunter2"),
        ("WEBHOOK_URL", "wrong://user:hunter2@host"),
        ("WEBHOOK_SECRET", "whsec_hunter2-and-more"),
        ("MONGO_URI", "mongodb://user:12/hunter2@host:1"),
        ("REDIS_URL", "redis://user:hunter2/3@host:1"),
    ],
)
def test_a_secret_is_never_told(
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit):
        load(Everything)
    told = capsys.readouterr().err
    assert variable in told
    assert "hunter2" not in told


def test_redis_from_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_HOST", "cache")
    monkeypatch.setenv("REDIS_PORT", "6380")
    monkeypatch.setenv("REDIS_PASSWORD", "p@ss:w/rd")
    monkeypatch.setenv("REDIS_DB", "2")
    settings = load(RedisSettings)
    assert settings.redis_target() == ("redis://cache:6380/2", "p@ss:w/rd")
    assert "p@ss" not in repr(settings)


def test_redis_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://user:secret@cache:1/3")
    settings = load(RedisSettings)
    assert settings.redis_target() == ("rediss://user:secret@cache:1/3", None)
    assert settings.redis_address == "rediss://user:***@cache:1/3"


def test_addresses_are_shown_without_their_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis+sentinel://h:26379/0?service=m&sentinel_password=S3CRET")
    monkeypatch.setenv("MONGO_URI", "mongodb://h/?tlsCertificateKeyFilePassword=S3CRET")
    assert load(RedisSettings).redis_address == "redis+sentinel://h:26379/0"
    assert load(MongoSettings).mongo_address == "mongodb://h/"


def test_secrets_may_stand_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mongo_uri").write_text("mongodb://in-a-file\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    assert load(MongoSettings).mongo_uri.get_secret_value().strip() == "mongodb://in-a-file"


def test_process_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(ProcessSettings).name_for("worker").endswith(f"-{os.getpid()}")
    monkeypatch.setenv("PROCESS_NAME", "worker-7")
    assert load(ProcessSettings).name_for("worker") == "worker-7"


def test_a_service_may_change_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    class Worker(MetricsSettings):
        metrics_port: all_settings.Port = 9102

    assert load(Worker).metrics_port == 9102
    monkeypatch.setenv("METRICS_PORT", "0")
    assert load(Worker).metrics_port == 0
    assert issubclass(Worker, Settings)
