"""The only place that repairs: lost leases, lost rings, retries that are due, what should follow.

Everyone's lease looks expired after an outage, so nothing is taken away before everyone could
extend it again: until this process has seen the server take writes for a while, as the leader or
as one that waits to be it (docs/decisions/0007-who-is-gone.md).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.execution.life_signs import Turned, ignore_turn
from pedidos_common.ports import Bell, JobLedger, Transport
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.lost_rings import LostRings

log = structlog.get_logger(__name__)
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: between rounds; until a silent job's ring is looked for; of trust in the server;
    for which whoever settled a job may take to create what follows from it.

    In `trust_after_seconds` every process that lives has noticed that the server answers, and
    extended its leases: a heartbeat (3 of a lease's 10 s), and the 4 s after which a server that
    hangs is left.
    """

    every_seconds: float = 0.5
    look_after_seconds: float = 1.5
    trust_after_seconds: float = 7.5
    follow_after_seconds: float = 1.0

    @classmethod
    def for_lease(cls, lease_seconds: float) -> Patience:
        """What suits leases of this length."""
        return cls(trust_after_seconds=0.75 * lease_seconds)


class Reconciler:
    """Repairs while this process leads.

    Counters: `expired`, `rung`, `due`, `followed` (jobs whose follow-ups it made), `failures`.
    """

    def __init__(
        self,
        ledger: JobLedger,
        transport: Transport,
        scope_is_open: Callable[[str], Awaitable[bool]],
        leadership: Leadership,
        patience: Patience,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._transport = ledger, transport
        self._scope_is_open, self._leadership = scope_is_open, leadership
        self._patience, self._monotonic = patience, monotonic
        self._trusted_since = -math.inf
        self._lost_rings = LostRings(ledger, transport, patience.look_after_seconds, monotonic)
        self.expired = self.due = self.followed = self.failures = 0

    @property
    def rung(self) -> int:
        """How many lost rings were rung again."""
        return self._lost_rings.rung

    async def run(self, turned: Turned = ignore_turn) -> None:
        """Reconcile until cancelled."""
        while True:
            turned()
            if self._leadership.epoch is not None:
                await self._guarded_round()
            await asyncio.sleep(self._patience.every_seconds)

    async def _guarded_round(self) -> None:
        try:
            await self.round()
            return
        except Unavailable as error:
            log.warning("reconcile_delayed", error=str(error)[:300])
        except Exception:
            log.exception("reconcile_failed")
        self.failures += 1

    async def round(self) -> None:
        """One look at everything that may need repair."""
        try:
            await self._expire()
            due = await self._ledger.release_due(AT_ONCE)
            follow_ups = await self._create_follow_ups()
            emptied_at = await self._emptied_at()
            waiting = await self._lost_rings.look(emptied_at)
        except Unavailable:
            self._trusted_since = self._monotonic()
            raise
        self.due += len(due)
        await self._transport.ring([*due, *follow_ups])
        await self._lost_rings.ring(waiting, emptied_at)

    async def _expire(self) -> None:
        trusted_since = max(self._trusted_since, self._leadership.answered_since)
        if self._monotonic() - trusted_since <= self._patience.trust_after_seconds:
            return
        expired = await self._ledger.expire_leases(self._scope_is_open)
        if expired:
            self.expired += expired
            log.warning("leases_expired", count=expired)

    async def _create_follow_ups(self) -> Sequence[Bell]:
        """Create what whoever settled a job has left undone; as bells."""
        left = await self._ledger.left_follow_ups(self._patience.follow_after_seconds, AT_ONCE)
        if not left:
            return []
        bells = await self._ledger.create([job for one in left for job in one.jobs])
        # before they are rung: what is queued is rung sooner or later, whatever happens here
        await self._ledger.note_followed(left)
        self.followed += len(left)
        log.info("follow_ups_created", jobs=len(left), rung=len(bells))
        return bells

    async def _emptied_at(self) -> float | None:
        """Now, where the broker lost everything since the last round."""
        try:
            emptied = await self._transport.was_emptied()
        except Unavailable:  # what else is to be repaired does not wait for the broker
            return None
        return self._monotonic() if emptied else None
