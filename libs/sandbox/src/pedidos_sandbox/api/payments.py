"""`/v1/payments`: authorise, capture, void, refund, look up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from pedidos_sandbox.answers import Answer
from pedidos_sandbox.calls import Call, IdempotencyKey, TheSandbox, check_key
from pedidos_sandbox.faults import Operation
from pedidos_sandbox.payments import Payment
from pedidos_sandbox.provider import PaymentOrder
from pedidos_sandbox.sandbox import Sandbox

router = APIRouter(prefix="/v1/payments", dependencies=[Depends(check_key)], tags=["payments"])


class NewPayment(BaseModel):
    """A payment to be authorised; `amount` in minor units. Its capture is a request of its own."""

    model_config = ConfigDict(extra="forbid")

    reference: str = Field(min_length=1, max_length=200)
    amount: int = Field(ge=1, le=10**12)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    method: str = Field(min_length=1, max_length=100)
    capture: Literal[False] = False


class Nothing(BaseModel):
    """The body of a request that says all it has to say in its path: `{}`."""

    model_config = ConfigDict(extra="forbid")


@router.post("")
async def authorise(
    new: NewPayment, key: IdempotencyKey, request: Request, sandbox: TheSandbox
) -> Response:
    """Hold an amount."""

    def work() -> Answer:
        order = PaymentOrder(new.reference, new.amount, new.currency, new.method)
        return Answer.of(sandbox.provider.authorise(order, key).shown())

    return await Call(request, sandbox, Operation.AUTHORISE).once(key, new.model_dump_json(), work)


@router.post("/{payment_id}/capture")
async def capture(
    payment_id: str, key: IdempotencyKey, request: Request, sandbox: TheSandbox, _: Nothing
) -> Response:
    """Take what is held."""
    call = Call(request, sandbox, Operation.CAPTURE)
    return await _changed(call, payment_id, key, sandbox.provider.capture)


@router.post("/{payment_id}/void")
async def void(
    payment_id: str, key: IdempotencyKey, request: Request, sandbox: TheSandbox, _: Nothing
) -> Response:
    """Let go of what is held."""
    call = Call(request, sandbox, Operation.VOID)
    return await _changed(call, payment_id, key, sandbox.provider.void)


@router.post("/{payment_id}/refund")
async def refund(
    payment_id: str, key: IdempotencyKey, request: Request, sandbox: TheSandbox, _: Nothing
) -> Response:
    """Give back what was taken."""
    call = Call(request, sandbox, Operation.REFUND)
    return await _changed(call, payment_id, key, sandbox.provider.refund)


@router.get("/{payment_id}")
async def one(payment_id: str, request: Request, sandbox: TheSandbox) -> Response:
    """One payment."""

    def work() -> Answer:
        return Answer.of(sandbox.provider.payment(payment_id).shown())

    return await Call(request, sandbox, Operation.LOOKUP).looked_up(work)


@router.get("")
async def many(
    request: Request,
    sandbox: TheSandbox,
    reference: str | None = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The payments that have a reference, or all of them page by page, oldest first."""

    def work() -> Answer:
        return _listed(sandbox, reference, after, limit)

    return await Call(request, sandbox, Operation.LOOKUP).looked_up(work)


def _listed(sandbox: Sandbox, reference: str | None, after: int, limit: int) -> Answer:
    more: str | None = None
    if reference is not None:
        found = sandbox.provider.of_reference(reference)
    else:
        found, more = sandbox.provider.page(after, limit)
    return Answer.of({"data": [payment.shown() for payment in found], "next": more})


async def _changed(
    call: Call, payment_id: str, key: str, change: Callable[[Payment, str], Payment]
) -> Response:
    def work() -> Answer:
        return Answer.of(change(call.sandbox.provider.payment(payment_id), key).shown())

    return await call.once(key, "", work)
