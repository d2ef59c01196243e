"""What checkout is told, by the environment of worker and orchestrator."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from pedidos_checkout.adapters.smtp.mail import server_of
from pedidos_checkout.adapters.smtp.messages import NoMail, address_of
from pedidos_checkout.domain.minor_units import CURRENCIES
from pedidos_common.domain.webhook_signatures import key_of
from pedidos_common.runtime.settings import Settings, check_web_address


class CheckoutSettings(Settings):
    """Providers, and how long a checkout may take. Without `PAYMENT_URL` there is no checkout."""

    payment_url: str | None = Field(None, pattern=r"^https?://")
    payment_api_key: SecretStr | None = Field(None, min_length=8, validate_default=True)
    payment_webhook_secret: SecretStr | None = Field(None, min_length=16)
    sms_url: str | None = Field(None, pattern=r"^https?://")
    sms_api_key: SecretStr | None = Field(None, min_length=8, validate_default=True)
    smtp_url: SecretStr | None = None
    mail_from: str = Field("Pedidos <orders@localhost>", min_length=3, max_length=200)
    provider_timeout_ms: int = Field(5_000, ge=100, le=10_000)
    provider_concurrency: int = Field(16, ge=1, le=1_000)
    breaker_failures: int = Field(5, ge=1, le=1_000)
    breaker_pause_seconds: float = Field(60.0, ge=0.1, le=3_600.0)
    checkout_currency: str = "EUR"
    checkout_hold_seconds: float = Field(900.0, ge=1.0, le=86_400.0)
    checkout_payment_wait_seconds: float = Field(900.0, ge=1.0, le=86_400.0)
    public_url: str | None = Field(None, pattern=r"^https?://")

    @property
    def provider_timeout_seconds(self) -> float:
        """How long one call of a provider may take."""
        return self.provider_timeout_ms / 1000

    @field_validator("checkout_currency")
    @classmethod
    def _is_currency(cls, code: str) -> str:
        if code not in CURRENCIES:
            raise ValueError("a currency of ISO 4217, like EUR")
        return code

    @field_validator("payment_url", "sms_url", "public_url")
    @classmethod
    def _names_a_host(cls, url: str | None) -> str | None:
        if url is not None:
            check_web_address(url)
            if "@" in url or "?" in url or "#" in url:  # a path is put behind it, and it is shown
                raise ValueError("an address without a password, query or fragment")
        return url

    @field_validator("payment_api_key", "sms_api_key")
    @classmethod
    def _provider_has_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url = str(info.field_name).replace("_api_key", "_url")
        if key is None and info.data.get(url) is not None:
            raise ValueError(f"set where {url.upper()} is")
        return key

    @field_validator("payment_webhook_secret")
    @classmethod  # of a name of its own: another model's validator would give way to it
    def _payment_secret_is_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            key_of(secret.get_secret_value())
        return secret

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            server_of(url.get_secret_value())
        return url

    @field_validator("mail_from")
    @classmethod
    def _is_mail_address(cls, address: str) -> str:
        try:
            address_of(address)
        except NoMail:
            raise ValueError("one address like Shop <orders@example.com>") from None
        return address
