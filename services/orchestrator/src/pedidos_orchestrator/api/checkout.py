"""Checkout: an order, or a payment alone, taken in within milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Session
from pedidos_checkout.domain.fingerprints import fingerprint
from pedidos_checkout.domain.pricing import CartItem
from pedidos_common.domain.orders import Tier
from pedidos_orchestrator.api.context import ApiContext, Context
from pedidos_orchestrator.api.models_checkout import (
    CheckoutAccepted,
    CheckoutDone,
    CheckoutRequest,
    CustomerSent,
    PaymentRequest,
    plain,
)
from pedidos_orchestrator.api.status_reading import encode
from pedidos_orchestrator.http.security import TRACKING_PATH
from pedidos_orchestrator.problems import RETRY_AFTER, no_checkout, problems
from pedidos_orchestrator.tracing import trace_of
from pedidos_orchestrator.use_cases.checkout.accepting import Reply, Wanted
from pedidos_orchestrator.use_cases.checkout.drafts import (
    Asked,
    CartAsked,
    PaymentAsked,
    draft_of_cart,
    draft_of_payment,
)

LONGEST_AGENT = 300
CHECKOUT_PATH, PAYMENTS_PATH = "/api/checkout", "/api/payments"
LOCATION: dict[str, Any] = {
    "description": "where its status is found",
    "schema": {"type": "string", "format": "uri"},
}
TAKEN: dict[int | str, dict[str, Any]] = {
    200: {
        "model": CheckoutDone,
        "description": "done while you waited: the queues are long",
        "headers": {"Location": LOCATION},
    },
    202: {
        "description": "stored, and worked at in the background",
        "headers": {"Location": LOCATION, "Retry-After": RETRY_AFTER},
    },
}

router = APIRouter(prefix="/api", tags=["checkout"])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern="^[!-~]+$",
        description="the same key and body are the same order, however often they are sent",
    ),
]
SessionId = Annotated[
    str | None,
    Header(
        alias="x-session-id",
        min_length=1,
        max_length=200,
        pattern="^[!-~]+$",
        description="the shop's session, kept with the order",
    ),
]


@router.post(
    "/checkout",
    summary="Place an order",
    status_code=202,
    response_model=CheckoutAccepted,
    responses=problems(400, 422, 503) | TAKEN,
)
async def place(
    request: Request,
    api: Context,
    body: CheckoutRequest,
    key: Key = None,
    session_id: SessionId = None,
) -> Response:
    """Priced, stored, answered; payment, stock and order happen behind the answer. Without an
    `Idempotency-Key` each request is an order of its own."""
    _refuse_unconfigured(api)
    asked = _asked(request, api, body.customer, key, session_id, fingerprint(plain(body)))
    items = [CartItem(item.productId, item.quantity) for item in body.items]
    cart = CartAsked(items, body.discountCode, body.payment.method if body.payment else None)

    async def draft() -> Checkout:
        return await draft_of_cart(asked, cart, api.deps.checkout.catalogue, api.deps.runs.now)

    wanted = Wanted(Kind.CHECKOUT, key, asked.fingerprint, draft, tracking(request, api))
    return _answer(await api.desk.take(wanted))


@router.post(
    "/payments",
    summary="Take a payment alone",
    status_code=202,
    response_model=CheckoutAccepted,
    responses=problems(400, 422, 503) | TAKEN,
)
async def pay(
    request: Request,
    api: Context,
    body: PaymentRequest,
    key: Key = None,
    session_id: SessionId = None,
) -> Response:
    """A payment without an order, by the same rules and with the same status."""
    _refuse_unconfigured(api)
    asked = _asked(request, api, body.customer, key, session_id, fingerprint(plain(body)))

    payment = PaymentAsked(body.value, body.currency, body.method, body.reference)

    async def draft() -> Checkout:
        return draft_of_payment(asked, payment)

    wanted = Wanted(Kind.PAYMENT, key, asked.fingerprint, draft, tracking(request, api))
    return _answer(await api.desk.take(wanted))


def _refuse_unconfigured(api: ApiContext) -> None:
    if not api.settings.has_checkout:
        problem = no_checkout()
        api.desk.metrics.refused(problem)
        raise problem


def _asked(
    request: Request,
    api: ApiContext,
    sent: CustomerSent,
    key: str | None,
    session_id: str | None,
    print_: str,
) -> Asked:
    agent = request.headers.get("user-agent")
    session = Session(
        id=session_id,
        user_agent=agent[:LONGEST_AGENT] if agent else None,
        address=request.client.host if request.client else None,
    )
    customer = Customer(sent.id, sent.name, sent.email, sent.phone, Tier(sent.tier))
    return Asked(
        customer=customer,
        session=session,
        key=key,
        fingerprint=print_,
        currency=api.settings.currency,
        trace=trace_of(request.scope).traceparent,
    )


def tracking(request: Request, api: ApiContext) -> Callable[[str], str]:
    """What makes an id the address where its status is found."""
    base = api.settings.public_url or str(request.base_url)

    def url(checkout_id: str) -> str:
        return f"{base.rstrip('/')}{TRACKING_PATH}{checkout_id}"

    return url


def _answer(reply: Reply) -> Response:
    return Response(
        encode(reply.body), reply.status, dict(reply.headers), media_type="application/json"
    )
