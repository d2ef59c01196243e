"""Settings of the sandbox: each is the variable of its name behind `SANDBOX_`."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pedidos_sandbox.webhooks import key_of

EXIT_CANT_START = 2
Port = Annotated[int, Field(ge=0, le=65_535)]


class SandboxSettings(BaseSettings):
    """Where it answers, to whom, and what it keeps; a port of 0 is any free one.

    Attributes:
        port_file: where it writes its ports, as `{"http": …, "smtp": …}`.
        webhook_url: where the shop is told of payments; left out, nobody is.
        webhook_attempts: how often one webhook is tried.
        action_seconds: after how long a customer confirms a payment of `tok_action`.
        ledger_limit: how many payments, messages and mails it keeps at most, each.
        seed: what faults with a share are drawn from.
    """

    model_config = SettingsConfigDict(
        env_prefix="SANDBOX_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    host: str = "127.0.0.1"
    port: Port = 4010
    smtp_port: Port = 4025
    port_file: Path | None = None
    api_key: SecretStr = Field(min_length=8)
    webhook_url: str | None = None
    webhook_secret: SecretStr = Field(min_length=16)
    webhook_attempts: int = Field(12, ge=1, le=100)
    action_seconds: float = Field(2.0, ge=0.0, le=3_600.0)
    ledger_limit: int = Field(100_000, ge=1, le=10_000_000)
    seed: int = 0

    @field_validator("webhook_secret")
    @classmethod
    def _is_key(cls, secret: SecretStr) -> SecretStr:
        key_of(secret.get_secret_value())
        return secret

    @field_validator("webhook_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        return None if url is None else checked_url(url)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


def checked_url(url: str) -> str:
    """The address, if it is one of HTTP.

    Raises:
        ValueError: where it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("an address like http://127.0.0.1:3000/api/webhooks/payments")
    return url


def load() -> SandboxSettings:
    """The settings of the environment.

    Where they make no sense, says which on standard error, and exits with status 2.
    """
    try:
        return SandboxSettings()
    except ValidationError as wrong:
        for error in wrong.errors():
            name = f"SANDBOX_{error['loc'][0]}".upper() if error["loc"] else "SANDBOX_*"
            sys.stderr.write(f"Can't start: {name}: {error['msg']}\n")
        raise SystemExit(EXIT_CANT_START) from None
