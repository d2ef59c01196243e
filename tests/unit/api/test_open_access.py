"""An API without a key: where it may be open, and what pages of other sites can't do with it."""

from __future__ import annotations

import pytest

from pedidos_orchestrator.settings import OrchestratorSettings, check_guarded
from tests.unit.api.world import World

START = "/pedidos/generate?quantity=5"
KEY = "correct horse"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "shop.example", "127.evil.example"])
def test_open_beyond_loopback_does_not_start(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check_guarded(OrchestratorSettings(host=host))
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert all(word in told for word in (f"HOST={host}", "API_KEY", "API_OPEN=true"))


@pytest.mark.parametrize(
    "given",
    [
        {"host": "127.0.0.1"},
        {"host": "127.0.0.2"},
        {"host": "::1"},
        {"host": "localhost"},
        {"host": "0.0.0.0", "api_key": KEY},
        {"host": "0.0.0.0", "api_open": True},
    ],
)
def test_on_loopback_with_a_key_or_when_told_so_it_starts(given: dict[str, object]) -> None:
    check_guarded(OrchestratorSettings.model_validate(given))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "127.0.0.1:3000"),
        ("null", "127.0.0.1:3000"),
        ("http://127.0.0.1:8080", "127.0.0.1:3000"),
        ("http://127.0.0.1:3000.evil.example", "127.0.0.1:3000"),
        ("http://[nonsense", "127.0.0.1:3000"),
        ("https://shop.example:444", "shop.example"),
    ],
)
async def test_a_page_of_another_site_changes_nothing(world: World, origin: str, host: str) -> None:
    async with world.client_of(world.app()) as client:
        answer = await client.post(START, headers={"origin": origin, "host": host})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "API_KEY" in answer.json()["detail"]
    assert await world.runs.active() is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:3000", "127.0.0.1:3000"),
        ("https://shop.example", "shop.example:443"),
        ("https://shop.example:443", "Shop.example"),
        ("http://[::1]:3000", "[::1]:3000"),
        (None, "anything.example"),
    ],
)
async def test_its_own_page_and_programs_may(world: World, origin: str | None, host: str) -> None:
    headers = {"host": host} | ({"origin": origin} if origin else {})
    async with world.client_of(world.app()) as client:
        assert (await client.post(START, headers=headers)).status_code == 202


async def test_a_read_needs_no_origin_check(world: World) -> None:
    """A browser keeps answers from pages of other sites by itself."""
    async with world.client_of(world.app()) as client:
        answer = await client.get("/pedidos", headers={"origin": "http://evil.example"})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example"])
async def test_on_loopback_a_name_that_was_bent_to_it_is_refused(world: World, host: str) -> None:
    """DNS rebinding: to the browser, such a page is of the same origin, and reads too."""
    async with world.client_of(world.app(loopback_only=True)) as client:
        for answer in (
            await client.post(START, headers={"host": host, "origin": f"http://{host}"}),
            await client.get("/pedidos/orders", headers={"host": host}),
        ):
            assert answer.status_code == 403
            assert "Host" in answer.json()["detail"]
    assert await world.runs.active() is None


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "LOCALHOST"])
async def test_on_loopback_its_own_names_are_taken(world: World, host: str) -> None:
    async with world.client_of(world.app(loopback_only=True)) as client:
        assert (await client.post(START, headers={"host": host})).status_code == 202


async def test_probes_and_metrics_answer_to_any_name(world: World) -> None:
    async with world.client_of(world.app(loopback_only=True)) as client:
        assert (await client.get("/metrics", headers={"host": "node-7:3000"})).status_code == 200


async def test_with_a_key_nobody_asks_for_origins(world: World) -> None:
    headers = {"origin": "http://evil.example", "host": "evil.example", "x-api-key": KEY}
    async with world.client_of(world.app(api_key=KEY, loopback_only=True)) as client:
        assert (await client.post(START, headers=headers)).status_code == 202
