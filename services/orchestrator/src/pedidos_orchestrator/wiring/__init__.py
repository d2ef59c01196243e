"""Where an orchestrator's parts meet: the only package that picks adapters."""

from pedidos_orchestrator.wiring.around import SERVICE, Around, heartbeat_of
from pedidos_orchestrator.wiring.background import background_of
from pedidos_orchestrator.wiring.deps import api_settings_of, deps_of

__all__ = [
    "SERVICE",
    "Around",
    "api_settings_of",
    "background_of",
    "deps_of",
    "heartbeat_of",
]
