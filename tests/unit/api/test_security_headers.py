"""What browsers are told about every answer, errors and refusals among them."""

from __future__ import annotations

import pytest

from pedidos_orchestrator.api.live import BroadcastEnded, Mailbox
from tests.unit.api.world import World

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


async def broken(*_: object) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/pedidos", 200),
        ("/healthz", 200),
        ("/metrics", 200),
        ("/nowhere", 404),
        ("/pedidos/orders?limit=0", 422),
        ("/pedidos/queue/jobs/x", 500),
        ("/docs", 200),
    ],
)
async def test_every_answer_has_them(world: World, path: str, status: int) -> None:
    world.ledger.get = broken  # type: ignore[method-assign, assignment]
    async with world.client_of(world.app()) as client:
        answer = await client.get(path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in EVERYWHERE} == EVERYWHERE
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


async def test_data_runs_and_loads_nothing(world: World) -> None:
    async with world.client_of(world.app(api_key="correct horse")) as client:
        refused = await client.get("/pedidos")
    assert refused.status_code == 401
    assert "script-src" not in refused.headers["content-security-policy"]
    assert refused.headers["cache-control"] == "no-store"


async def test_what_a_route_says_itself_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ended(_mailbox: Mailbox, _seconds: float) -> None:
        raise BroadcastEnded

    monkeypatch.setattr(Mailbox, "take", ended)
    async with world.client_of(world.app()) as client:
        answer = await client.get("/pedidos/stream")
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_no_page_of_another_site_is_let_in(world: World, method: str) -> None:
    headers = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key",
    }
    async with world.client_of(world.app(api_key="correct horse")) as client:
        for path in ("/pedidos", "/docs", "/healthz"):
            answer = await client.request(method, path, headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control")], path
