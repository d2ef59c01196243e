"""What an orchestrator is told, by its environment."""

from __future__ import annotations

from pedidos_common.runtime.connections import ServerSettings
from pedidos_common.runtime.giving_up import give_up
from pedidos_common.runtime.listening import is_loopback
from pedidos_common.runtime.settings import (
    HttpSettings,
    ImportSettings,
    LeaseSettings,
    LogSettings,
    OrderSettings,
    ProcessSettings,
    RetentionSettings,
    RunSettings,
    TracingSettings,
    WebhookSettings,
)


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
):
    """Every setting of an orchestrator; see README.md for the table."""


def check_guarded(settings: OrchestratorSettings) -> None:
    """Exit with status 2 where others could reach an API without a key, and nobody wanted that."""
    if settings.api_key is not None or settings.api_open or is_loopback(settings.host):
        return
    give_up(
        f": API_KEY is not set and HOST={settings.host} is not loopback, so whoever reaches it "
        "could read and change everything. Set API_KEY (8 characters or more) or "
        "HOST=127.0.0.1, or API_OPEN=true where something else keeps others away"
    )
