"""What an orchestrator is told, by its environment."""

from __future__ import annotations

from pedidos_common.runtime.connections import ServerSettings
from pedidos_common.runtime.settings import (
    HttpSettings,
    ImportSettings,
    LeaseSettings,
    LogSettings,
    OrderSettings,
    ProcessSettings,
    RetentionSettings,
    RunSettings,
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
    ProcessSettings,
):
    """Every setting of an orchestrator; see README.md for the table."""
