"""How an order is tried: frozen into a run when it starts, and carried by its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pedidos_common.domain.jobs import RetryPolicy


@dataclass(frozen=True, slots=True)
class OrderPolicy:
    """Attempts of an order, the backoff before its second one, and the limit of a handler's call.

    Times are in milliseconds, as the settings `ORDER_RETRY_BASE_MS` and
    `ORDER_HANDLER_TIMEOUT_MS` are.
    """

    max_attempts: int = 5
    retry_base_ms: int = 2_000
    handler_timeout_ms: int = 30_000

    @property
    def retry(self) -> RetryPolicy:
        """When an order is tried again; no cap is below the first delay."""
        base = self.retry_base_ms / 1000
        return RetryPolicy(self.max_attempts, base, max(base, RetryPolicy().cap_seconds))

    @property
    def timeout_seconds(self) -> float:
        """How long one call of the handler may take."""
        return self.handler_timeout_ms / 1000


_SETTING_OF = {
    "maxAttempts": "ORDER_MAX_ATTEMPTS",
    "retryBaseMs": "ORDER_RETRY_BASE_MS",
    "handlerTimeoutMs": "ORDER_HANDLER_TIMEOUT_MS",
}


def policy_payload(settings: Mapping[str, Any]) -> dict[str, int]:
    """What a job carries of a run's frozen settings."""
    return {name: settings[setting] for name, setting in _SETTING_OF.items() if setting in settings}


def policy_of(payload: Mapping[str, Any], default: OrderPolicy) -> OrderPolicy:
    """The policy that a job carries; `default`'s values where it carries none."""
    carried = payload.get("policy") or {}
    return OrderPolicy(
        int(carried.get("maxAttempts", default.max_attempts)),
        int(carried.get("retryBaseMs", default.retry_base_ms)),
        int(carried.get("handlerTimeoutMs", default.handler_timeout_ms)),
    )
