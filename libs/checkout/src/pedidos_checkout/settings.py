"""What checkout is told, by the environment of worker and orchestrator."""

from __future__ import annotations

from pydantic import Field, SecretStr

from pedidos_common.runtime.settings import Settings


class CheckoutSettings(Settings):
    """Providers, and how long a checkout may take. Without `PAYMENT_URL` there is no checkout."""

    payment_url: str | None = Field(None, pattern=r"^https?://")
    payment_api_key: SecretStr | None = Field(None, min_length=8)
    payment_webhook_secret: SecretStr | None = Field(None, min_length=16)
    sms_url: str | None = Field(None, pattern=r"^https?://")
    sms_api_key: SecretStr | None = Field(None, min_length=8)
    smtp_url: SecretStr | None = None
    mail_from: str = Field("Pedidos <orders@localhost>", min_length=3, max_length=200)
    provider_timeout_ms: int = Field(5_000, ge=100, le=120_000)
    provider_concurrency: int = Field(16, ge=1, le=1_000)
    breaker_failures: int = Field(5, ge=1, le=1_000)
    breaker_pause_seconds: float = Field(60.0, ge=0.1, le=3_600.0)
    checkout_currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")
    checkout_hold_seconds: float = Field(900.0, ge=1.0, le=86_400.0)
    checkout_payment_wait_seconds: float = Field(900.0, ge=1.0, le=86_400.0)
    public_url: str | None = Field(None, pattern=r"^https?://")
