"""What became of checkouts: status, stream, orders, payments; and what can be bought."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from pedidos_checkout.sample_shop import seed
from pedidos_orchestrator.api.checkout_stream import CheckoutStream
from pedidos_orchestrator.api.context import CURSOR, Context, PageLimit
from pedidos_orchestrator.api.models_checkout import (
    CUSTOMER_ID,
    SKU,
    CheckoutStatusShape,
    OrderPageShape,
    PaymentShape,
    ProductPageShape,
    SampleAdded,
)
from pedidos_orchestrator.api.status_reading import encode
from pedidos_orchestrator.api.stream import EVENTS
from pedidos_orchestrator.problems import invalid, not_found, problems
from pedidos_orchestrator.times import iso
from pedidos_orchestrator.use_cases.checkout.reading import order_view, status_view

LONGEST_ID = 100
NO_STORE = {"cache-control": "no-store"}

router = APIRouter(prefix="/api", tags=["checkout"])

CustomerId = Annotated[str, Path(pattern=CUSTOMER_ID, examples=["c-1001"])]
OrderCursor = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,14}\.[0-9A-Za-z_-]{1,80}$", description=CURSOR)
]
ProductCursor = Annotated[str | None, Query(pattern=SKU, description=CURSOR)]


@router.get(
    "/orders/status/{jobId}",
    summary="How a checkout stands",
    response_model=CheckoutStatusShape,
    responses=problems(404, 503),
)
async def status(api: Context, jobId: str) -> Response:
    """Progress by step, and the order or what went wrong. Needs no API key: the id is one, as
    nobody can guess it; the answer does not say who the customer is."""
    found = await api.desk.reading(jobId) if len(jobId) <= LONGEST_ID else None
    if found is None:
        raise not_found("checkout", jobId)
    return Response(encode(status_view(*found)), 200, NO_STORE, media_type="application/json")


@router.get(
    "/orders/status/{jobId}/stream",
    summary="How a checkout stands, as server-sent events",
    response_class=StreamingResponse,
    responses=problems(404, 503) | {200: {"description": "the stream", "content": EVENTS}},
)
async def stream(api: Context, jobId: str) -> CheckoutStream:
    """`event: status` with the status as data, the present one first, until it is final."""
    found = await api.desk.reading(jobId) if len(jobId) <= LONGEST_ID else None
    if found is None:
        raise not_found("checkout", jobId)
    return CheckoutStream(api.checkout_watchers, jobId, api.settings.heartbeat_seconds)


@router.get(
    "/customers/{customerId}/orders",
    summary="A customer's orders, newest first",
    response_model=OrderPageShape,
    responses=problems(422, 503),
)
async def orders_of(
    api: Context, customerId: CustomerId, limit: PageLimit = 100, cursor: OrderCursor = None
) -> dict[str, Any]:
    """Orders that were placed live; none where nobody has that id."""
    try:
        page = await api.deps.checkout.orders.of_customer(customerId, limit, cursor)
    except ValueError:
        raise invalid("cursor", "must be the cursor that the page before gave") from None
    return {"items": [order_view(order) for order in page.items], "cursor": page.cursor}


@router.get(
    "/products",
    summary="What can be bought",
    response_model=ProductPageShape,
    responses=problems(422, 503),
)
async def products(
    api: Context, limit: PageLimit = 100, cursor: ProductCursor = None
) -> dict[str, Any]:
    """Products by id, with their prices and how many there are."""
    page = await api.deps.checkout.catalogue.page(limit, cursor)
    levels = await api.deps.checkout.stock.levels([product.sku for product in page.items])
    items = [
        {
            "productId": product.sku,
            "name": product.name,
            "price": f"{product.price:.2f}",
            "category": product.category,
            "available": levels[product.sku].available if product.sku in levels else 0,
        }
        for product in page.items
    ]
    return {"items": items, "cursor": page.cursor}


@router.post(
    "/products/sample",
    summary="Add the sample shop",
    response_model=SampleAdded,
    responses=problems(503),
)
async def add_sample(api: Context) -> dict[str, int]:
    """120 products with their stock, and discount codes, to try checkout with; what is there
    already stays as it is."""
    await api.deps.checkout.prepare()
    return {"added": await seed(api.deps.checkout.catalogue, api.settings.currency)}


@router.get(
    "/payments/{paymentId}",
    summary="A payment as we know it",
    response_model=PaymentShape,
    responses=problems(404, 503),
)
async def payment(api: Context, paymentId: str) -> dict[str, Any]:
    """What the payment provider has told of it so far."""
    found = None
    if len(paymentId) <= LONGEST_ID:
        found = await api.deps.checkout.payments.get(paymentId)
    if found is None:
        raise not_found("payment", paymentId)
    return {
        "paymentId": found.id,
        "jobId": found.checkout_id,
        "amount": f"{found.amount:.2f}",
        "currency": found.currency,
        "status": found.status.value,
        "declineCode": found.decline_code,
        "createdAt": iso(found.created_at),
        "updatedAt": iso(found.updated_at),
    }
