"""What the payment provider tells by webhook."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from pedidos_checkout.steps.webhooks import take_in
from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_checkout import WebhookTaken
from pedidos_orchestrator.deps import WebhookRefused
from pedidos_orchestrator.http.security import SIGNED_PATH
from pedidos_orchestrator.problems import ProblemError, no_webhooks, problems

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object"},
            "example": {"type": "payment.captured", "data": {"id": "ch_1", "status": "captured"}},
        }
    },
}
PARAMETERS = [
    {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
    for name in HEADERS
]

router = APIRouter(tags=["checkout"])


@router.post(
    SIGNED_PATH,
    summary="For the payment provider",
    response_model=WebhookTaken,
    responses=problems(400, 401, 503),
    openapi_extra={"requestBody": BODY, "parameters": PARAMETERS},
)
async def payments(request: Request, api: Context) -> dict[str, Any]:
    """Signed by Standard Webhooks; needs no API key. What was taken in before, or says nothing
    new, is answered alike. It only hastens: a payment whose webhook never comes goes on too."""
    ports = api.deps.checkout
    if ports.read_webhook is None:
        raise no_webhooks()
    try:
        event = ports.read_webhook(request.headers, await request.body())
    except WebhookRefused as error:
        raise ProblemError(error.status, str(error)) from None
    if event is not None:
        await take_in(event, ports.payments, api.deps.ledger)
    return {"received": True}
