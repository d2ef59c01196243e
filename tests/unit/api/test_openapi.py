"""The API's description is complete, and true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.domain.status import status_of
from pedidos_checkout.domain.steps import Step
from pedidos_checkout.sample_shop import seed
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.orders import StatusCounts
from pedidos_common.domain.runs import Phase, Plan, Run
from pedidos_orchestrator.engine.aftermath import receipt_of
from pedidos_orchestrator.http.security import OPEN_PATHS, SIGNED_PATH, TRACKING_PATH
from pedidos_orchestrator.use_cases.checkout.reading import order_view, status_view
from tests.unit.api.world import World
from tests.unit.checkout.carts import a_checkout
from tests.unit.checkout.test_status import a_job

ROUTES = """\
GET /api/customers/{customerId}/orders
GET /api/health/queues
GET /api/orders/status/{jobId}
GET /api/orders/status/{jobId}/stream
GET /api/payments/{paymentId}
GET /api/products
GET /api/queues
GET /api/queues/{queue}
GET /api/queues/{queue}/dead-letters
GET /api/queues/{queue}/jobs
GET /api/reconciliations
GET /healthz
GET /metrics
GET /pedidos
GET /pedidos/dead
GET /pedidos/health/queue
GET /pedidos/imports/{importId}
GET /pedidos/logs
GET /pedidos/orders
GET /pedidos/orders/{orderId}
GET /pedidos/queue/jobs
GET /pedidos/queue/jobs/{jobId}
GET /pedidos/queue/status
GET /pedidos/runs
GET /pedidos/runs/{runId}
GET /pedidos/runs/{runId}/compare/{otherId}
GET /pedidos/runs/{runId}/export
GET /pedidos/runs/{runId}/receipt
GET /pedidos/stream
GET /readyz
POST /api/checkout
POST /api/payments
POST /api/products/sample
POST /api/queues/{queue}/dead-letters/{fingerprint}/redrive
POST /api/queues/{queue}/drain
POST /api/queues/{queue}/pause
POST /api/queues/{queue}/resume
POST /api/reconciliations
POST /api/webhooks/payments
POST /pedidos/cancel
POST /pedidos/customers/erase
POST /pedidos/dead/redrive
POST /pedidos/generate
POST /pedidos/import
POST /pedidos/queue/clean
POST /pedidos/queue/close
POST /pedidos/queue/pause
POST /pedidos/queue/resume
POST /pedidos/reset
POST /pedidos/runs/{runId}/resume
"""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return World().app(max_orders=777, api_key="k").openapi()


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_is_described(document: dict[str, Any]) -> None:
    found = sorted(f"{method} {path}" for method, path, _ in _operations(document))
    assert found == ROUTES.splitlines()


def test_every_operation_has_tag_summary_and_problems(document: dict[str, Any]) -> None:
    for method, path, operation in _operations(document):
        name = f"{method} {path}"
        assert operation["tags"], name
        assert operation["summary"], name
        assert operation["description"], name
        is_for_all = path.startswith(TRACKING_PATH) or path == SIGNED_PATH
        if path not in OPEN_PATHS and not is_for_all:
            assert {"401", "500"} <= set(operation["responses"]), name
            assert operation["security"], name
        for status, response in operation["responses"].items():
            if int(status) >= 400 and path not in OPEN_PATHS:
                content = response["content"]["application/problem+json"]
                assert content["example"]["status"] == int(status)


def test_nothing_of_the_default_errors_is_left(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


def test_every_post_may_be_told_its_body_is_too_large(document: dict[str, Any]) -> None:
    for method, path, operation in _operations(document):
        assert ("413" in operation["responses"]) == (method == "POST"), path


@pytest.mark.parametrize(
    ("shape", "field"),
    [("RunShape", "receipt"), ("RunShape", "cancelled"), ("Receipt", "receipt")],
)
def test_what_a_run_came_to_is_described(document: dict[str, Any], shape: str, field: str) -> None:
    schemas = document["components"]["schemas"]
    assert "#/components/schemas/" in str(schemas[shape]["properties"][field])
    assert schemas["RunShape"]["properties"]["settings"]["additionalProperties"] is not True


def test_a_receipt_is_described_as_it_is_made(document: dict[str, Any]) -> None:
    plan = Plan(10, 10, 10, 10, seed=1, generator_version=1)
    run = Run(UUID(int=0), plan, Phase.DONE, datetime(2025, 1, 2, tzinfo=UTC))
    described = document["components"]["schemas"]["ReceiptCounts"]["properties"]
    assert set(described) == set(receipt_of(run, StatusCounts()))


def test_a_server_that_is_away_is_one_problem(document: dict[str, Any]) -> None:
    content = document["paths"]["/readyz"]["get"]["responses"]["503"]["content"]
    assert list(content) == ["application/problem+json"]


def test_the_limit_in_force_is_described(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/pedidos/generate"]["post"]["parameters"]
    quantity = next(one for one in parameters if one["name"] == "quantity")
    assert (quantity["schema"]["minimum"], quantity["schema"]["maximum"]) == (1, 777)


@pytest.mark.parametrize("path", ["/api/checkout", "/api/payments"])
def test_where_to_look_and_when_is_described(document: dict[str, Any], path: str) -> None:
    responses = document["paths"][path]["post"]["responses"]
    found = {status: set(one.get("headers", ())) for status, one in responses.items()}
    assert (found["200"], found["202"]) == ({"Location"}, {"Location", "Retry-After"})
    assert found["503"] == {"Retry-After"}


def test_all_that_a_status_may_hold_is_described(document: dict[str, Any]) -> None:
    checkout = a_checkout()
    refused = {"refused": "card_declined", "error": "the card was declined"}
    jobs = [a_job(checkout, Step.PAYMENT, status=JobStatus.SUCCEEDED, result=refused)]
    failed = status_of(checkout, jobs)
    completed = replace(failed, order=order_of(checkout))
    seen = {*status_view(checkout, failed), *status_view(checkout, completed)}
    schemas = document["components"]["schemas"]
    assert seen <= set(schemas["CheckoutStatusShape"]["properties"])
    assert seen | {"trackingUrl"} <= set(schemas["TrackedStatus"]["properties"])
    ref = schemas["CheckoutStatusShape"]["properties"]["order"]["anyOf"][0]["$ref"]
    order = schemas[ref.rpartition("/")[2]]["properties"]
    assert set(order_view(order_of(checkout))) <= set(order)


async def test_what_is_shown_can_be_ordered_in_the_sample_shop(document: dict[str, Any]) -> None:
    world = World()
    await seed(world.shop.catalogue)
    (cart,) = document["components"]["schemas"]["CheckoutRequest"]["examples"]
    (code,) = document["components"]["schemas"]["CheckoutRequest"]["properties"]["discountCode"][
        "examples"
    ]
    items = [{"productId": "STA-001", "quantity": 10}]
    async with world.client_of(world.app(payment_url="http://provider")) as client:
        for body in (cart, cart | {"items": items, "discountCode": code}):
            answer = await client.post("/api/checkout", json=body)
            assert answer.status_code == 202, answer.text


def test_every_shape_has_examples(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if "enum" in schema:
            continue
        shapes = [*schema["properties"].values(), schema]
        assert any("examples" in shape or "$ref" in str(shape) for shape in shapes), name
