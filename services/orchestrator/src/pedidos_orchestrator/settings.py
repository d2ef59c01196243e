"""What an orchestrator is told, by its environment."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from pydantic import Field

from pedidos_checkout.settings import CheckoutSettings
from pedidos_common.domain.api_keys import WrongKeys
from pedidos_common.runtime.connections import ServerSettings
from pedidos_common.runtime.giving_up import give_up
from pedidos_common.runtime.key_file import read_keys
from pedidos_common.runtime.listening import is_loopback
from pedidos_common.runtime.settings import (
    HttpSettings,
    ImportSettings,
    LeaseSettings,
    LogSettings,
    OrderSettings,
    ProcessSettings,
    QueueSettings,
    RetentionSettings,
    RunSettings,
    Settings,
    TracingSettings,
    WebhookSettings,
)


class PlacingSettings(Settings):
    """How many checkouts at once this process does itself where queues are long, and for how long
    it lets their clients wait."""

    checkout_sync_slots: int = Field(4, ge=0, le=1_000)
    checkout_sync_seconds: float = Field(10.0, ge=0.1, le=120.0)


class OrchestratorSettings(
    ServerSettings,
    LogSettings,
    HttpSettings,
    LeaseSettings,
    RunSettings,
    OrderSettings,
    RetentionSettings,
    WebhookSettings,
    ImportSettings,
    TracingSettings,
    ProcessSettings,
    CheckoutSettings,
    PlacingSettings,
    QueueSettings,
):
    """Every setting of an orchestrator; see README.md for the table."""


def check_guarded(settings: OrchestratorSettings) -> None:
    """Exit with status 2 where others could reach an API without a key, and nobody wanted that.

    So it does where the file of keys is wrong.
    """
    if settings.api_keys_file is not None:
        _check_keys(settings.api_keys_file)
    elif settings.api_key is None and not settings.api_open and not is_loopback(settings.host):
        _refuse_open(settings.host)


def _check_keys(file: Path) -> None:
    try:
        read_keys(file)
    except WrongKeys as error:
        give_up(f", a setting is wrong:\n  API_KEYS_FILE: {error}")


def _refuse_open(host: str) -> NoReturn:
    give_up(
        f": API_KEY is not set and HOST={host} is not loopback, so whoever reaches it "
        "could read and change everything. Set API_KEY (8 characters or more), API_KEYS_FILE or "
        "HOST=127.0.0.1, or API_OPEN=true where something else keeps others away"
    )
