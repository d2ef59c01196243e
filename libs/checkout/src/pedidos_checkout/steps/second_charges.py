"""A second charge under one reference: money that was taken twice goes back.

A provider may make one where it forgot an idempotency key. Both calls here carry keys of the
charge itself, so that a repeat is the same call.
"""

from __future__ import annotations

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.payments import Payment, PaymentStatus, ProviderPayment
from pedidos_checkout.domain.placed_orders import PlacedOrder
from pedidos_checkout.domain.reconciliation import Repair, is_nobodys
from pedidos_checkout.ports import PaymentProvider, ProviderRefused


async def repaired(
    told: ProviderPayment,
    known: Payment | None,
    checkout: Checkout,
    order: PlacedOrder | None,
    provider: PaymentProvider,
) -> Repair:
    """Void or refund the charge that is told of, where the one that is `known` is enough."""
    first_id = known.provider_id if known else None
    first = await provider.get(first_id) if first_id else None
    if not is_nobodys(checkout, order, first):
        return Repair.NONE
    try:
        if told.status is PaymentStatus.CAPTURED:
            await provider.refund(f"{told.id}:refund", told.id)
        else:
            await provider.void(f"{told.id}:void", told.id)
    except ProviderRefused:
        return Repair.NONE
    return Repair.GIVEN_BACK
