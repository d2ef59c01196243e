"""What is simulated, and what comes out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pedidos_common.domain.pipeline import Limits
from pedidos_orchestrator.wiring.background import (
    BATCHES_AHEAD,
    CHUNKS_AHEAD,
    LEAST_GROUPS_AHEAD,
    MOST_GROUPS_AHEAD,
)


@dataclass(frozen=True, slots=True)
class Setup:
    """A run and what it runs on.

    `cores` is of the one machine that all share; where `shard_cores` is given, each MongoDB shard
    has a machine with so many, each Python process a core of its own, and Redis and the
    orchestrator too.
    """

    quantity: int
    workers: int = 2
    generators: int = 2
    batch_size: int = 1_000
    chunk_size: int = 10_000
    group_size: int = 10_000
    cores: float = 2
    shard_cores: float | None = None
    shards: int = 1
    slots: int = 25
    writes_at_once: int = 2
    chunks_at_once: int = 2

    @property
    def limits(self) -> Limits:
        """How much is open at once, as the orchestrator has it."""
        groups = BATCHES_AHEAD * self.batch_size // self.group_size
        groups = min(max(groups, LEAST_GROUPS_AHEAD), MOST_GROUPS_AHEAD)
        return Limits(CHUNKS_AHEAD, groups * self.group_size, groups)


@dataclass(slots=True)
class Outcome:
    """What happened. Seconds of processor time by role, `phases` and the barrier in seconds.

    `inserted` and `updated` count how often each chunk and batch was written; `barrier_seconds` is
    from the last VIP settlement to the first NORMAL claim; `rings_at_most` is Redis' backlog.
    """

    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    inserted: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    orders_inserted: int = 0
    orders_updated: int = 0
    steps: int = 0
    step_seconds: float = 0.0
    rings_at_most: int = 0
    last_vip_settled: float = 0.0
    first_normal_claimed: float = float("inf")
    mongod_busy_share: float = 0.0

    @property
    def barrier_seconds(self) -> float:
        """Nothing of the NORMAL lane may start before this, counted from the last VIP order."""
        return self.first_normal_claimed - self.last_vip_settled
