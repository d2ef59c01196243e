"""How a checkout stands, read from its record and its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pedidos_checkout.domain.checkouts import Checkout, Line
from pedidos_checkout.domain.placed_orders import PlacedOrder
from pedidos_checkout.domain.status import (
    CheckoutState,
    CheckoutStatus,
    StepSeen,
    is_forgotten,
    status_of,
)
from pedidos_checkout.ports import CheckoutStore, PaymentBook, PlacedOrders
from pedidos_common.ports import JobLedger, RunStore
from pedidos_orchestrator.times import iso
from pedidos_orchestrator.use_cases.checkout.estimate import Seen


@dataclass(frozen=True, slots=True)
class StatusReading:
    """Reads the status of single checkouts."""

    checkouts: CheckoutStore
    ledger: JobLedger
    orders: PlacedOrders
    payments: PaymentBook
    runs: RunStore

    async def __call__(self, checkout_id: str) -> tuple[Checkout, CheckoutStatus] | None:
        """The checkout and how it stands; None where there is none."""
        checkout = await self.checkouts.get(checkout_id)
        return None if checkout is None else (checkout, await self.of(checkout))

    async def of(self, checkout: Checkout) -> CheckoutStatus:
        """How this checkout stands."""
        jobs = [job async for job in self.ledger.of_scope(checkout.id)]
        status = status_of(checkout, jobs, now=await self.runs.now())
        forgotten = is_forgotten(checkout, jobs)
        if status.state is not CheckoutState.COMPLETED and not forgotten:
            return status
        order = await self.orders.of_checkout(checkout.id)
        payment = await self.payments.get(checkout.payment_id) if forgotten else None
        return status_of(checkout, jobs, order, payment=payment)

    async def seen(self, checkout_id: str) -> Seen:
        """What it says of how long checkouts take."""
        found = await self(checkout_id)
        if found is None:
            return Seen()
        over = found[1].state in {CheckoutState.COMPLETED, CheckoutState.FAILED}
        return Seen(found[1].processing_ms if over else None, found[1].waits_for_customer)


def status_view(checkout: Checkout, status: CheckoutStatus) -> dict[str, Any]:
    """The status as clients see it; nothing of it says who the customer is.

    Unless the caller's own reference does.
    """
    failure = {"error": status.error, "code": status.code, "money": status.money}
    return {
        "jobId": checkout.id,
        "status": status.state.value,
        "progress": status.progress,
        "message": status.message,
        "processingTime": status.processing_ms,
        "retryCount": status.retries,
        "createdAt": iso(checkout.created_at),
        **({"reference": checkout.reference} if checkout.reference else {}),
        **_sums(checkout),
        "steps": [_step_view(step) for step in status.steps],
        **({"paymentId": checkout.payment_id} if checkout.is_paid else {}),
        **({"order": order_view(status.order)} if status.order else {}),
        **{name: str(value) for name, value in failure.items() if value is not None},
    }


def _step_view(seen: StepSeen) -> dict[str, Any]:
    return {
        "step": seen.step.value,
        "status": seen.state,
        "outcome": seen.outcome.value if seen.outcome else None,
        "queuedAt": iso(seen.queued_at),
        "startedAt": iso(seen.started_at),
        "endedAt": iso(seen.ended_at),
        "retryCount": seen.retries,
    }


def order_view(order: PlacedOrder) -> dict[str, Any]:
    """An order; amounts as texts, so that no reader makes floats of them."""
    return {
        "orderId": order.id,
        "jobId": order.checkout_id,
        "orderNumber": order.number,
        "status": order.status.value,
        "items": [_line_view(line) for line in order.lines],
        **_sums(order),
        "createdAt": iso(order.created_at),
        "confirmedAt": iso(order.confirmed_at),
    }


def _sums(priced: Checkout | PlacedOrder) -> Mapping[str, Any]:
    return {
        "subtotal": f"{priced.subtotal:.2f}",
        "discount": f"{priced.discount:.2f}",
        "discountCode": priced.discount_code,
        "total": f"{priced.total:.2f}",
        "currency": priced.currency,
    }


def _line_view(line: Line) -> Mapping[str, Any]:
    return {
        "productId": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unitPrice": f"{line.unit_price:.2f}",
        "total": f"{line.total:.2f}",
    }
