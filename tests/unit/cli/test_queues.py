"""`pedidos queues` against a stand-in API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pedidos_cli.commands import queues
from tests.unit.cli.conftest import Ended
from tests.unit.cli.fake_api import FakeApi

Pedidos = Callable[..., Ended]
DEAD = "/api/queues/inventory/dead-letters"
KEY = "3f1c0a9b5d7e2468"


def a_queue(name: str, **changed: Any) -> dict[str, Any]:
    counts = {"waiting": 3, "active": 1, "delayed": 0, "completed": 10_000, "failed": 2}
    rest = {"oldestAgeMs": 2_500, "workers": 2, "healthy": True, "reasons": []}
    return {"queue": name, "state": "running", **counts, **rest, **changed}


def test_each_queue_is_a_row_and_what_is_wrong_stands_below(api: FakeApi, pedidos: Pedidos) -> None:
    wrong = {"healthy": False, "reasons": ["no live process takes jobs of inventory"]}
    listed = [a_queue("orders"), a_queue("inventory", waiting=0, workers=0, **wrong)]
    api.routes["GET /api/queues"] = {"countedUpTo": 10_000, "queues": listed}
    ended = pedidos("queues", "--api", api.url)
    assert ended.status == 0
    first, second = (line.split() for line in ended.out.splitlines() if "running" in line)
    assert [cell for cell in first if cell != "│"] == [
        *("orders", "running", "3", "1", "0", "10,000+", "2", "2.5", "s", "2")
    ]
    assert "–" in second, "nothing waits"  # noqa: RUF001 - the table's sign for nothing
    assert "! no live process takes jobs of inventory" in ended.out


def test_the_queues_are_watched_until_the_api_refuses(
    api: FakeApi, pedidos: Pedidos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "WATCH_SECONDS", 0.01)
    answer = {"countedUpTo": 10_000, "queues": [a_queue("orders")]}
    api.routes["GET /api/queues"] = [answer, (503, {}), answer, (401, {"detail": "no key"})]
    ended = pedidos("queues", "--watch", "--json", "--api", api.url)
    states = [json.loads(line) for line in ended.out.splitlines()[:2]]
    assert states == [answer, answer]
    assert ended.status != 0


@pytest.mark.parametrize(
    ("verb", "state"), [("pause", "paused"), ("resume", "running"), ("drain", "draining")]
)
def test_one_queue_is_held_and_let_go_on(
    api: FakeApi, pedidos: Pedidos, verb: str, state: str
) -> None:
    api.routes[f"POST /api/queues/inventory/{verb}"] = {"queue": "inventory", "state": state}
    ended = pedidos("queues", verb, "inventory", "--api", api.url)
    assert (ended.status, ended.out.strip()) == (0, f"The queue inventory is {state}.")


def test_dead_letters_are_shown_by_kind(api: FakeApi, pedidos: Pedidos) -> None:
    times = {"first": "2025-01-02T03:04:05.678Z", "last": "2025-01-02T04:05:06.789Z"}
    group = {"fingerprint": KEY, "function": "reserve-stock", "error": "gave\x1bup", "count": 7}
    api.routes[f"GET {DEAD}"] = {"groups": [group | times], "lookedAt": 10_000, "complete": False}
    ended = pedidos("queues", "dead", "inventory", "--api", api.url)
    assert ended.status == 0
    for shown in (KEY, "reserve-stock", "2025-01-02 03:04:05", "gave\\x1bup", "newest 10,000"):
        assert shown in ended.out
    api.routes[f"GET {DEAD}"] = {"groups": [], "complete": True}
    assert (
        "Nothing of inventory is dead."
        in pedidos("queues", "dead", "inventory", "--api", api.url).out
    )


def test_a_kind_is_sent_again(api: FakeApi, pedidos: Pedidos) -> None:
    path = f"{DEAD}/{KEY}/redrive"
    api.routes[f"POST {path}"] = (202, {"redriven": 5, "left": 2, "complete": True})
    ended = pedidos("queues", "redrive", "inventory", KEY, "--limit", "5", "--api", api.url)
    assert (ended.status, ended.out.strip()) == (0, "Sent again: 5 jobs, 2 left.")
    assert json.loads(api.requests(path)[0].body) == {"limit": 5}


def test_a_name_is_one_part_of_the_path(api: FakeApi, pedidos: Pedidos) -> None:
    pedidos("queues", "pause", "../queues/orders", "--api", api.url)
    assert [one.path for one in api.asked] == ["/api/queues/..%2Fqueues%2Forders/pause"]
