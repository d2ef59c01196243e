"""What a worker is told, by its environment."""

from __future__ import annotations

from pydantic import Field

from pedidos_checkout.settings import CheckoutSettings
from pedidos_common.runtime.job_service import JobServiceSettings
from pedidos_common.runtime.settings import (
    OrderSettings,
    Port,
    WebhookSettings,
    WorkerSlotSettings,
)


class WorkerSettings(
    JobServiceSettings, OrderSettings, WorkerSlotSettings, WebhookSettings, CheckoutSettings
):
    """Every setting of a worker; see README.md for the table.

    `worker_queues` are the queues that it serves, with commas between them; all without it.
    """

    worker_queues: str | None = Field(None, max_length=1_000)
    metrics_port: Port = Field(9102)
