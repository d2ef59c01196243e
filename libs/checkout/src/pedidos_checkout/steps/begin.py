"""Bring accepted checkouts onto their way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import first_job
from pedidos_checkout.ports import CheckoutStore
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.queues import DEFAULTS, QueuePolicy
from pedidos_common.ports import Bell, JobLedger, Transport

log = structlog.get_logger(__name__)
LEFT_AFTER_SECONDS = 5.0
AT_ONCE = 500
RING_SECONDS = 1.0  # others wait behind, and a lost ring is rung again


async def begin(
    checkouts: Sequence[Checkout],
    ledger: JobLedger,
    transport: Transport,
    store: CheckoutStore,
    policies: Mapping[str, QueuePolicy] = DEFAULTS,
) -> Sequence[Bell]:
    """Create the first job of each checkout, ring it, and note that it has begun; the bells.

    Twice for one checkout does no harm. Whatever dies in between is done by `BeginSweep`; rings
    that a broker did not take are rung by the reconciler.

    Raises:
        Unavailable: when MongoDB does not answer.
    """
    if not checkouts:
        return ()
    bells = await ledger.create([first_job(checkout, policies) for checkout in checkouts])
    try:
        async with asyncio.timeout(RING_SECONDS):
            await transport.ring(bells)
    except (Unavailable, TimeoutError) as error:
        reason = str(error)[:200] or "no answer in time"
        log.warning("first_rings_left_to_the_reconciler", error=reason)
    await store.begun([checkout.id for checkout in checkouts])
    return bells


@dataclass(frozen=True, slots=True)
class BeginSweep:
    """Begins what was accepted by a process that died before it could; the leader's chore."""

    store: CheckoutStore
    ledger: JobLedger
    transport: Transport
    policies: Mapping[str, QueuePolicy] = field(default_factory=lambda: DEFAULTS)
    left_after_seconds: float = LEFT_AFTER_SECONDS

    async def sweep(self) -> None:
        """Begin those that are left, oldest first, a bounded number at a time."""
        left = await self.store.not_begun(self.left_after_seconds, AT_ONCE)
        if left:
            log.warning("checkouts_begun_late", count=len(left))
            await begin(left, self.ledger, self.transport, self.store, self.policies)
