"""Compare payments and stock now, and not only when it is due."""

from __future__ import annotations

import structlog

from pedidos_checkout.domain.reconciliation import reconcile_job_now
from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import JobLedger, RunStore, Transport

log = structlog.get_logger(__name__)


async def ask_for_reconciliation(runs: RunStore, ledger: JobLedger, transport: Transport) -> str:
    """Create the job; its id. Its report has the same one, once a worker begins with it.

    Raises:
        Unavailable: when MongoDB does not answer.
    """
    job = reconcile_job_now(await runs.now())
    bells = await ledger.create([job])
    try:
        await transport.ring(bells)
    except Unavailable as error:
        log.warning("reconciliation_left_to_the_reconciler", error=str(error)[:200])
    return job.id
