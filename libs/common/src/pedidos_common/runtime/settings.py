"""Settings from the environment: one small model a resource; a service's model inherits several.

A field's environment variable is its name in capital letters. An empty variable counts as unset.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pedidos_common.adapters.mongo import client as mongo
from pedidos_common.adapters.redis import client as redis
from pedidos_common.domain.webhook_signatures import key_of
from pedidos_common.runtime.redaction import shown_address

Port = Annotated[int, Field(ge=0, le=65_535)]
REDIS_SCHEMES = ("redis://", "rediss://", "redis+sentinel://", "rediss+sentinel://")


class Settings(BaseSettings):
    """Base of all models here."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class ProcessSettings(Settings):
    """How this process is called."""

    process_name: str | None = Field(None, pattern=r"^[\w.:-]{1,120}$")

    def name_for(self, service: str) -> str:
        """`PROCESS_NAME`, else `<service>-<hostname>-<pid>`."""
        return self.process_name or f"{service}-{socket.gethostname()}-{os.getpid()}"


class MongoSettings(Settings):
    """Where the truth is kept."""

    mongo_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27017")
    mongo_db: str = Field("pedidos", pattern=r"^[A-Za-z0-9_-]{1,60}$")

    @field_validator("mongo_uri")
    @classmethod
    def _is_mongo(cls, uri: SecretStr) -> SecretStr:
        mongo.check_address(_with_scheme(uri, mongo.SCHEMES).get_secret_value())
        return uri

    @property
    def mongo_address(self) -> str:
        """The address as it may be shown: without its password and its query."""
        return shown_address(self.mongo_uri.get_secret_value())


class RedisSettings(Settings):
    """Where the doorbell is: `REDIS_URL`, or its parts."""

    redis_url: SecretStr | None = None
    redis_host: str = Field("127.0.0.1", pattern=r"^[\w.:-]+$")
    redis_port: Annotated[int, Field(ge=1, le=65_535)] = 6379
    redis_password: SecretStr | None = None
    redis_db: int = Field(0, ge=0, le=1_000_000)
    key_prefix: str = Field("pedidos:", pattern=r"^[!-~]{1,100}$")

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            redis.check_address(_with_scheme(url, REDIS_SCHEMES).get_secret_value())
        return url

    def redis_target(self) -> tuple[str, str | None]:
        """Address and password for `adapters.redis.client.connect`."""
        password = self.redis_password.get_secret_value() if self.redis_password else None
        if self.redis_url is not None:
            return self.redis_url.get_secret_value(), password
        host = f"[{self.redis_host}]" if ":" in self.redis_host else quote(self.redis_host)
        return f"redis://{host}:{self.redis_port}/{self.redis_db}", password

    @property
    def redis_address(self) -> str:
        """The address as it may be shown: without its password and its query."""
        return shown_address(self.redis_target()[0])


class LogSettings(Settings):
    """What is logged, and where to besides standard output."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_dir: Path | None = None
    log_memory: bool = False
    log_progress_every_ms: int = Field(5_000, ge=100, le=3_600_000)
    backend_logs: bool = True

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level


class ListenSettings(Settings):
    """Where a process answers; `PORT_FILE` is where it writes the port that it got."""

    host: str = "127.0.0.1"
    port_file: Path | None = None


class HttpSettings(ListenSettings):
    """The HTTP API; `API_OPEN` lets it go without a key on an address that others reach.

    `API_KEY` is one key that may do everything; `API_KEYS_FILE` has any number of them, each with
    its scope. Each may send `API_RATE_LIMIT` requests a second to a process, 0 for any number.
    """

    port: Port = 3000
    api_key: SecretStr | None = Field(None, min_length=8)
    api_keys_file: Path | None = None
    api_rate_limit: float = Field(200.0, ge=0.0, le=1_000_000.0)
    api_open: bool = False


class MetricsSettings(ListenSettings):
    """Probes and metrics of a process without an API; 0 is any free port."""

    metrics_port: Port = 9100


class LeaseSettings(Settings):
    """How long a silent worker keeps its jobs."""

    lease_seconds: float = Field(10.0, ge=1.0, le=300.0)

    @property
    def heartbeat_seconds(self) -> float:
        """Three heartbeats fit into a lease, so that two may get lost."""
        return self.lease_seconds * 0.3


class RunSettings(Settings):
    """How a run is cut into jobs, and when it counts as stuck."""

    max_orders: int = Field(1_500_000, ge=1, le=1_000_000_000)
    generation_chunk_size: int = Field(10_000, ge=1, le=100_000)
    normal_enqueue_batch_size: int = Field(10_000, ge=1, le=1_000_000)
    orders_batch_size: int = Field(1_000, ge=1, le=10_000)
    run_stall_timeout_ms: int = Field(600_000, ge=1_000, le=86_400_000)
    stuck_after_ms: int = Field(60_000, ge=1_000, le=86_400_000)


class OrderSettings(Settings):
    """How one order is handled, by what, and how often it is tried."""

    order_max_attempts: int = Field(5, ge=1, le=100)
    order_retry_base_ms: int = Field(2_000, ge=1, le=3_600_000)
    order_handler_timeout_ms: int = Field(30_000, ge=1, le=3_600_000)
    order_handler: str | None = Field(None, pattern=r"^(builtin|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)$")
    order_handler_concurrency: int = Field(100, ge=1, le=10_000)


class WorkerSlotSettings(Settings):
    """How many jobs a worker runs at once, and how many of them write at once at most."""

    orders_queue_concurrency: int = Field(25, ge=1, le=1_000)
    orders_write_concurrency: int = Field(4, ge=1, le=100)


class QueueSettings(Settings):
    """The file that says what is otherwise than usual with queues; read once, at start."""

    queues_file: Path | None = None


class RetentionSettings(Settings):
    """After how many days what is over gets removed; 0 keeps it."""

    orders_retention_days: int = Field(0, ge=0, le=36_500)
    jobs_retention_days: int = Field(7, ge=0, le=36_500)
    checkouts_retention_days: int = Field(0, ge=0, le=36_500)


class WebhookSettings(Settings):
    """Who is told when a run ends."""

    webhook_url: SecretStr | None = None
    webhook_secret: SecretStr | None = Field(None, min_length=16)

    @field_validator("webhook_url")
    @classmethod
    def _is_http(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_web_address(_with_scheme(url, ("http://", "https://")).get_secret_value())
        return url

    @field_validator("webhook_secret")
    @classmethod
    def _is_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            key_of(secret.get_secret_value())
        return secret


class TracingSettings(Settings):
    """Where spans are sent (nowhere without an endpoint), and how many of them there are.

    The names that OpenTelemetry has are its own. `otel_traces_sampler_arg` is the share of
    requests that change something, and so of runs, whose trace is recorded; `traces_apart_ratio`
    the share of a run's jobs outside of its trace that have one of their own.
    """

    otel_exporter_otlp_endpoint: str | None = None
    otel_exporter_otlp_headers: SecretStr | None = None
    otel_exporter_otlp_certificate: Path | None = None
    otel_service_name: str | None = Field(None, min_length=1, max_length=120)
    otel_traces_sampler_arg: float = Field(1.0, ge=0.0, le=1.0)
    traces_apart_ratio: float = Field(0.01, ge=0.0, le=1.0)

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _is_base(cls, url: str | None) -> str | None:
        if url is not None:
            if not url.startswith(("http://", "https://")):
                raise ValueError("an address like http://host:4318 of OTLP over HTTP")
            check_web_address(url)
        return url

    def otlp_headers(self) -> dict[str, str]:
        """What goes along with each request: `name=value` pairs with commas between them.

        A value is written as in an address, with %20 for a space.
        """
        given = self.otel_exporter_otlp_headers
        pairs = (given.get_secret_value() if given else "").split(",")
        split = (pair.partition("=") for pair in pairs if "=" in pair)
        return {name.strip().lower(): unquote(value.strip()) for name, _, value in split}


class ImportSettings(Settings):
    """How large an upload may be."""

    import_max_bytes: int = Field(2 * 1024**3, ge=1, le=1024**4)


def check_web_address(url: str) -> None:
    """Whether an address of HTTP names a host.

    Raises:
        ValueError: how an address is written.
    """
    try:
        parts = urlsplit(url)
        fits = bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("an address like https://host:443/path")


def _with_scheme(url: SecretStr, schemes: tuple[str, ...]) -> SecretStr:
    if not url.get_secret_value().startswith(schemes):
        raise ValueError(f"an address that begins with {' or '.join(schemes)}")
    return url
