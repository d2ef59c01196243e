"""A key that asks too often is told to wait, and takes nothing from the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedidos_common.domain.api_keys import Scope, key_of
from pedidos_orchestrator.http.rate_limit import MOST_NAMES, RateLimit
from tests.unit.api.world import World


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def let_through(limit: RateLimit, name: str, times: int) -> int:
    return sum(limit.wait_seconds(name) == 0 for _ in range(times))


@pytest.mark.parametrize(("per_second", "at_once"), [(10.0, 20), (1.0, 2), (0.5, 1), (200.0, 400)])
def test_two_seconds_worth_may_come_at_once(per_second: float, at_once: int) -> None:
    assert let_through(RateLimit(per_second, Clock()), "shop", 1_000) == at_once


def test_over_time_as_many_pass_as_the_limit_says() -> None:
    clock = Clock()
    limit = RateLimit(10.0, clock)
    let_through(limit, "shop", 1_000)
    passed = 0
    for _ in range(600):  # a minute, asked ten times as often as allowed
        clock.now += 0.01
        passed += let_through(limit, "shop", 1)
    assert passed == pytest.approx(60, abs=1)


def test_who_waits_as_long_as_told_gets_through() -> None:
    clock = Clock()
    limit = RateLimit(4.0, clock)
    let_through(limit, "shop", 100)
    wait = limit.wait_seconds("shop")
    assert 0 < wait <= 0.25
    clock.now += wait - 0.001
    assert limit.wait_seconds("shop") > 0
    clock.now += 0.002
    assert limit.wait_seconds("shop") == 0


def test_memory_is_bounded_though_names_change_for_ever() -> None:
    clock = Clock()
    limit = RateLimit(10.0, clock)
    for number in range(3 * MOST_NAMES):
        limit.wait_seconds(f"key-{number}")
        clock.now += 0.01
    assert len(limit._free_at) <= MOST_NAMES


async def test_a_key_past_its_limit_is_told_how_long_to_wait(world: World, tmp_path: Path) -> None:
    lines = (key_of(name, Scope.READ, name.encode()).line for name in ("shop", "dashboard"))
    write(tmp_path / "keys", "\n".join(lines))
    app = world.app(api_keys_file=tmp_path / "keys", rate_limit=0.5)
    async with world.client_of(app) as client:
        assert (await client.get("/pedidos", headers={"x-api-key": "shop"})).status_code == 200
        answer = await client.get("/pedidos", headers={"x-api-key": "shop"})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["type"] == "/problems/rate-limited"
        assert "API_RATE_LIMIT" in answer.json()["detail"]
        other = await client.get("/pedidos", headers={"x-api-key": "dashboard"})
        assert other.status_code == 200
        assert (await client.get("/healthz")).status_code == 200
        assert "\npedidos_http_rate_limited_total 1.0\n" in (await client.get("/metrics")).text


async def test_what_a_key_may_not_do_counts_too(world: World, tmp_path: Path) -> None:
    write(tmp_path / "keys", key_of("shop", Scope.READ, b"shop").line)
    app = world.app(api_keys_file=tmp_path / "keys", rate_limit=0.5)
    async with world.client_of(app, headers={"x-api-key": "shop"}) as client:
        answers = [(await client.post("/pedidos/cancel")).status_code for _ in range(2)]
    assert answers == [403, 429]


def write(path: Path, text: str) -> None:
    path.write_text(text)
