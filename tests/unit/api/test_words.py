"""What is wrong with a request is said in words, by one form of path, without repeating secrets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args, get_origin

import httpx
import pytest
from pydantic import BaseModel

from pedidos_orchestrator.api.allowed import allowed
from pedidos_orchestrator.api.models_checkout import CheckoutRequest, PaymentRequest
from tests.unit.api.test_checkout import CART, PATH, PAYMENT
from tests.unit.api.world import World

ANA = CART["customer"]
ALIKE = ("is wrong", "pattern", "^", "valid string", "valid dictionary", "Field required")


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client_of(world.app(payment_url="http://provider")) as found:
        yield found


def customer(**other: Any) -> dict[str, Any]:
    return {"customer": ANA | other}


def told(answer: httpx.Response) -> tuple[str, str]:
    """The one field that is wrong, and what is said of it."""
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert answer.json()["detail"] == f"{error['field']} {error['detail']}"
    assert not [words for words in ALIKE if words in error["detail"]], error
    return error["field"], error["detail"]


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (customer(email="ana"), "customer.email", "must be one mail address like"),
        (customer(email=5), "customer.email", "must be one mail address like"),
        (customer(phone="911"), "customer.phone", "with + and its country code"),
        (customer(name=""), "customer.name", "must be one line of 1 to 200"),
        (customer(name="A\nB"), "customer.name", "must be one line of 1 to 200"),
        (customer(tier="GOOD"), "customer.tier", "must be one of BRONZE, PRATA"),
        (customer(id="a b"), "customer.id", "letters, digits and"),
        ({"customer": {"id": "c", "name": "A"}}, "customer.email", "is missing: it must be one"),
        ({"payment": {"method": "4111111111111111"}}, "payment.method", "begins with a letter"),
        ({"payment": "tok_ok"}, "payment", "an object with the method"),
        ({"discountCode": "%"}, "discountCode", "letters, digits, _ and -"),
        ({"items": []}, "items", "must be a list of 1 to 100 products"),
        ({"items": ["SKU-1"]}, "items[0]", "an object with productId and quantity"),
        (
            {"items": [*CART["items"], {"productId": "SKU-1", "quantity": 1_000}]},
            "items[1].quantity",
            "must be a whole number from 1 to 999, but was 1000",
        ),
        ({"items": [{"productId": "", "quantity": 1}]}, "items[0].productId", "GET /api/products"),
        ({"surprise": 1}, "surprise", "is not known here: leave it out"),
    ],
)
async def test_a_wrong_cart_is_refused_in_words(
    client: httpx.AsyncClient, change: dict[str, Any], field: str, words: str
) -> None:
    answer = await client.post(PATH, json=CART | change)
    found, detail = told(answer)
    assert (found, words in detail) == (field, True), detail
    assert "4111" not in answer.text


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"amount": "12,30"}, "amount", "a text with two decimals"),
        ({"amount": 12.3}, "amount", "a text with two decimals"),
        ({"method": "1"}, "method", "begins with a letter"),
        ({"currency": "euro"}, "currency", "three capital letters"),
        ({"reference": "a\tb"}, "reference", "must be one line of 1 to 200"),
    ],
)
async def test_a_wrong_payment_is_refused_in_words(
    client: httpx.AsyncClient, change: dict[str, Any], field: str, words: str
) -> None:
    found, detail = told(await client.post("/api/payments", json=PAYMENT | change))
    assert (found, words in detail) == (field, True), detail


@pytest.mark.parametrize("name", ["Idempotency-Key", "x-session-id"])
async def test_a_wrong_header_is_refused_in_words(client: httpx.AsyncClient, name: str) -> None:
    field, detail = told(await client.post(PATH, json=CART, headers={name: "a b"}))
    assert (field, "200 printable" in detail) == (name, True)


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
async def test_a_body_of_another_kind_is_refused_in_words(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for content in (b'{"a": 1}', b""):
        field, detail = told(await client.post(PATH, content=content, headers=headers))
        assert (field, "content-type: application/json" in detail) == ("body", True)


@pytest.mark.parametrize(
    "path",
    [
        "/api/customers/c-1/orders",
        "/api/products",
        "/api/reconciliations",
        "/api/queues/inventory/jobs",
    ],
)
async def test_a_cursor_that_no_page_gave_is_refused_in_words(
    client: httpx.AsyncClient, path: str
) -> None:
    field, detail = told(await client.get(path, params={"cursor": "§"}))
    assert (field, "the cursor that the page before gave" in detail) == ("cursor", True)


async def test_a_limit_is_told_as_it_is_there(client: httpx.AsyncClient) -> None:
    redrive = "/api/queues/inventory/dead-letters/3f1c0a9b5d7e2468/redrive"
    _, detail = told(await client.post(redrive, json={"limit": 20_000}))
    assert detail == "must be a whole number from 1 to 10000, but was 20000"
    _, detail = told(await client.get("/api/products", params={"limit": "2000"}))
    assert detail == "must be a whole number from 1 to 1000, but was '2000'"


async def test_a_name_that_is_no_text_is_refused_too(client: httpx.AsyncClient) -> None:
    content = json.dumps(CART | {"\ud800": 1}).encode()
    answer = await client.post(PATH, content=content, headers={"content-type": "application/json"})
    assert told(answer)[0] == "body"


def test_each_field_and_parameter_of_checkout_has_words(world: World) -> None:
    document = world.app(payment_url="http://provider").openapi()
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    for operation in (one for one in operations if "checkout" in one["tags"]):
        for one in operation.get("parameters", ()):
            in_words = f"{one['in']}.{one['name']}" in allowed(world.settings)
            # a path's id that is malformed is one that nothing has, and a signature is no parameter
            assert in_words or one["in"] == "path" or one["name"].startswith("webhook-")
    fields = {*fields_of(CheckoutRequest), *fields_of(PaymentRequest)}
    assert {f"body.{one}" for one in fields} <= allowed(world.settings).keys()


def fields_of(model: type[BaseModel]) -> Iterator[str]:
    """The ways to all fields of a body."""
    for name, field in model.model_fields.items():
        inner = [one for one in (field.annotation, *get_args(field.annotation)) if is_model(one)]
        is_list = get_origin(field.annotation) is list
        way = f"{name}[]" if is_list else name
        yield from {name, way}
        yield from (f"{way}.{below}" for one in inner for below in fields_of(one))


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
