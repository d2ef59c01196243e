"""Errors as RFC 9457 problem details, in one form on every route."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from starlette.types import Scope

from pedidos_orchestrator.tracing import trace_of

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
# as a description of the header has it
RETRY_AFTER: Mapping[str, Any] = {
    "description": "seconds after which it is worth asking again",
    "schema": {"type": "integer", "minimum": 0},
}
ASK_AGAIN = frozenset({429, 503})
SET_UP_SECONDS = 60  # before it is worth asking again for what an operator has yet to set up

EXAMPLES: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "the body could not be read"),
    401: ("unauthorized", "send the API key in the header x-api-key"),
    403: ("foreign-page", "the page of http://evil.example may not change anything here"),
    404: ("not-found", "no run has the id 01890000-0000-8000-8000-000000000000"),
    405: ("method-not-allowed", "Method Not Allowed"),
    408: ("upload-stalled", "nothing arrived for 60 s: send the file again"),
    409: ("run-active", "run 0193… is active: wait for its end, or cancel it first"),
    413: ("body-too-large", "the body is larger than 1048576 bytes"),
    415: ("unsupported-format", "send text/csv or application/x-ndjson, or say format="),
    422: ("invalid-input", "quantity must be a whole number from 1 to 1500000, but was '0'"),
    429: ("rate-limited", "the key shop sends more requests a second than API_RATE_LIMIT allows"),
    500: ("unexpected", "an unexpected error: the log of the service has it under this traceId"),
    503: ("unavailable", "a server that this needs did not answer: try again in a moment"),
}


class ProblemError(Exception):
    """Raised anywhere below a route: what happened, to what, and what to do next."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        slug: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extras: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.slug = slug or slug_of(status)
        self.headers = headers
        self.extras = extras


def slug_of(status: int) -> str:
    """The last part of the problem's type where nobody named one."""
    known = EXAMPLES.get(status)
    return known[0] if known else HTTPStatus(status).phrase.lower().replace(" ", "-")


def not_found(kind: str, wanted: str) -> ProblemError:
    """Nothing has that id; a malformed id is one that nothing has."""
    return ProblemError(404, f"no {kind} has the id {shortened(wanted)}")


def invalid(field: str, detail: str) -> ProblemError:
    """A parameter that is not what it may be."""
    errors = [{"field": field, "detail": detail}]
    return ProblemError(422, f"{field} {detail}", errors=errors)


def no_checkout() -> ProblemError:
    """No payment provider is set up, so nothing is sold here."""
    detail = "checkout is not set up here: set PAYMENT_URL (and PAYMENT_API_KEY)"
    return _not_configured(detail, "PAYMENT_URL")


def no_webhooks() -> ProblemError:
    """Nothing is set up that the payment provider's webhooks could be checked by."""
    detail = "webhooks are not set up here: set PAYMENT_WEBHOOK_SECRET"
    return _not_configured(detail, "PAYMENT_WEBHOOK_SECRET")


def _not_configured(detail: str, setting: str) -> ProblemError:
    headers = {"retry-after": str(SET_UP_SECONDS)}
    return ProblemError(503, detail, slug="not-configured", headers=headers, setting=setting)


def shortened(text: str, limit: int = 80) -> str:
    """A text from outside, short enough to send back."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def problem_body(scope: Scope, problem: ProblemError) -> dict[str, Any]:
    """The problem as a JSON object."""
    return {
        "type": f"/problems/{problem.slug}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": shortened(str(scope.get("path", "")), 300),
        "traceId": trace_of(scope).trace_id,
        **problem.extras,
    }


def problem_response(scope: Scope, problem: ProblemError) -> JSONResponse:
    """The problem as an answer."""
    return JSONResponse(
        problem_body(scope, problem),
        status_code=problem.status,
        headers=dict(problem.headers or {}),
        media_type=MEDIA_TYPE,
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares of its problems, for OpenAPI."""
    return {status: _declared(status) for status in statuses}


def _declared(status: int) -> dict[str, Any]:
    slug, detail = EXAMPLES[status]
    phrase = HTTPStatus(status).phrase
    example = {
        "type": f"/problems/{slug}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "instance": "/pedidos",
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    headers = {"headers": {"Retry-After": dict(RETRY_AFTER)}} if status in ASK_AGAIN else {}
    return {
        "description": phrase,
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
        **headers,
    }
