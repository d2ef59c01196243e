"""What parameters and fields of bodies may be, in words for who sent another thing."""

from __future__ import annotations

from collections.abc import Mapping

from pedidos_checkout.domain.pricing import MOST_LINES, MOST_OF_ONE
from pedidos_orchestrator.api import logs, queue
from pedidos_orchestrator.api.context import MAX_PAGE
from pedidos_orchestrator.api.models_checkout import TIERS
from pedidos_orchestrator.deps import ApiSettings
from pedidos_orchestrator.use_cases.dead_letters import MOST_REDRIVEN
from pedidos_orchestrator.use_cases.start_run import MAX_SEED

PRINTABLE = "1 to 200 printable ASCII characters without spaces"
BODY: Mapping[str, str] = {
    "": "JSON as the route describes it, sent with content-type: application/json",
    "limit": f"a whole number from 1 to {MOST_REDRIVEN}",
    "customer": "an object with id, name and email",
    "customer.id": "1 to 100 characters: letters, digits and ._:@+-",
    "customer.name": "one line of 1 to 200 characters, not of spaces alone",
    "customer.email": "one mail address like ana@example.com, at most 254 characters",
    "customer.phone": "a phone number with + and its country code, like +55 11 91234-5678",
    "customer.tier": f"one of {', '.join(TIERS)}",
    "items": f"a list of 1 to {MOST_LINES} products, each with productId and quantity",
    "items[]": "an object with productId and quantity",
    "items[].productId": "a product's id, as GET /api/products lists them",
    "items[].quantity": f"a whole number from 1 to {MOST_OF_ONE}",
    "discountCode": "1 to 40 characters: letters, digits, _ and -",
    "payment": 'an object with the method, like {"method": "tok_ok"}',
    "payment.method": "a token of the payment provider, which begins with a letter",
    "method": "a token of the payment provider, which begins with a letter",
    "amount": 'a text with two decimals from 0.01 to 999999999.99, like "12.30"',
    "currency": "three capital letters, like EUR",
    "reference": "one line of 1 to 200 characters, not of spaces alone",
}


def allowed(settings: ApiSettings) -> Mapping[str, str]:
    """The words, by place and name: `query.limit`, `body.items[].quantity`, `body` itself."""
    return {
        "query.quantity": f"a whole number from 1 to {settings.max_orders}",
        "query.seed": f"a whole number from 0 to {MAX_SEED}",
        "query.limit": f"a whole number from 1 to {MAX_PAGE}",
        "query.run": "the id of a run, like 01934f1e-7c00-8a1b-8c3d-4e0000000000",
        "query.types": f"some of {queue.ALL_TYPES}, with commas between them",
        "query.lines": f"a whole number from 1 to {logs.MAX_LINES}",
        "query.cursor": "the cursor that the page before gave",
        "path.customerId": BODY["customer.id"],
        "header.Idempotency-Key": PRINTABLE,
        "header.x-session-id": PRINTABLE,
        **{f"body.{name}".rstrip("."): words for name, words in BODY.items()},
    }
