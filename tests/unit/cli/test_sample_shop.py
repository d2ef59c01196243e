"""A stack with a sandbox has something to buy, and what is somebody's own stays as it is."""

from __future__ import annotations

import httpx
import pytest

from pedidos_cli.client import ApiClient
from pedidos_cli.sample_shop import seed_if_empty


@pytest.mark.parametrize(
    ("status", "items", "asked", "said"),
    [
        (200, [], ["GET", "POST"], "TAKE5 hold from now on"),
        (200, [{"productId": "own"}], ["GET"], ""),
        (401, [], ["GET"], "`pedidos checkout seed` adds it"),
    ],
)
async def test_the_sample_shop_is_added_where_nothing_can_be_bought(
    status: int, items: list[object], asked: list[str], said: str
) -> None:
    seen, notes = list[str](), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return httpx.Response(status, json={"items": items, "added": 120, "detail": "no key"})

    async with ApiClient("http://127.0.0.1:1", None, httpx.MockTransport(answer)) as client:
        await seed_if_empty(client, notes.append)
    assert seen == asked
    assert said in "".join(notes)
    assert bool(notes) is bool(said)
