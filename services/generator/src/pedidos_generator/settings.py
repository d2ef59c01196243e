"""What a generator is told, by its environment."""

from __future__ import annotations

from pydantic import Field

from pedidos_common.runtime.job_service import JobServiceSettings
from pedidos_common.runtime.settings import Port


class GeneratorSettings(JobServiceSettings):
    """Every setting of a generator; see README.md for the table.

    `generation_concurrency` is how many chunks it writes at once: with two, one is encoded
    while the other is on its way to the database.
    """

    metrics_port: Port = Field(9101)
    generation_concurrency: int = Field(2, ge=1, le=16)
