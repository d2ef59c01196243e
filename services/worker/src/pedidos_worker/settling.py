"""What every job over orders shares: how long it may take, and how its counts become an outcome."""

from __future__ import annotations

from pedidos_common.domain.jobs import Failed, Outcome, Retry, Succeeded
from pedidos_common.domain.orders import StatusCounts
from pedidos_worker.handlers import OrderHandler, slice_seconds

DEADLINE_SPARE_SECONDS = 120.0
LEFT_OVER_SECONDS = 0.5


def deadline_seconds(
    handler: OrderHandler, orders: int, at_once: int, timeout_seconds: float
) -> float:
    """How long a job over that many orders may take, `at_once` of them in a slice."""
    slices = -(-orders // at_once)
    return DEADLINE_SPARE_SECONDS + slices * slice_seconds(handler, at_once, timeout_seconds)


def outcome_of(counts: StatusCounts, handler: OrderHandler, wait: float | None) -> Outcome:
    """Done, or to be run again while one order is pendente, whatever the reason.

    `wait` is how many seconds the orders that failed are left alone, None where none failed.
    """
    result = result_of(counts, handler)
    if counts.pendente == 0:
        return Succeeded(result)
    if wait is not None:
        return Retry(f"{counts.pendente} orders failed and are tried again", wait, result)
    reason = f"{counts.pendente} orders were not written before the lease ended"
    return Retry(reason, LEFT_OVER_SECONDS, result)


def outcome_of_giving_up(
    reason: str, before: StatusCounts, left: StatusCounts, handler: OrderHandler
) -> Outcome:
    """A dead letter where orders had to be failed; again where they could not be in time."""
    result = result_of(left, handler)
    if left.pendente:
        return Retry(reason, LEFT_OVER_SECONDS, result)
    return Failed(reason, result) if before.pendente else Succeeded(result)


def result_of(counts: StatusCounts, handler: OrderHandler) -> dict[str, int | str]:
    """What is kept with a job over orders."""
    return {"processed": counts.processado, "failed": counts.falhou, "handler": handler.name}
