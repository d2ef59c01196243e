"""`pedidos checkout …` against a stand-in API: what it says, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pedidos_checkout.sample_shop import sample_shop
from pedidos_cli import checkout_states
from tests.unit.cli.conftest import Ended
from tests.unit.cli.fake_api import FakeApi, events

Pedidos = Callable[..., Ended]
JOB = "co_ry3xhi4d2kqaz5vmw7tn6plgbe"
STATUS = f"/api/orders/status/{JOB}"
AWAY = (503, {"detail": "this process shuts down"})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout_states, "POLL_SECONDS", 0.01)


def state(status: str, **changed: Any) -> dict[str, Any]:
    """How a checkout stands, as the API says it."""
    known: dict[str, Any] = {
        "jobId": JOB,
        "status": status,
        "progress": 100 if status == "completed" else 12,
        "message": f"it is {status}",
        "processingTime": 840,
        "steps": [],
    }
    return known | changed


@pytest.mark.parametrize(
    ("slug", "detail", "way_out"),
    [
        ("overloaded", "900 jobs wait in inventory already: try again in 5 s", "again in 5 s"),
        ("queue-draining", "the queue inventory takes nothing in at present", "queues resume"),
        ("not-configured", "checkout is not set up here: set PAYMENT_URL", "pedidos up --sandbox"),
    ],
)
def test_what_is_refused_on_purpose_is_no_stack_that_is_away(
    api: FakeApi, pedidos: Pedidos, slug: str, detail: str, way_out: str
) -> None:
    api.routes["POST /api/checkout"] = (503, {"type": f"/problems/{slug}", "detail": detail})
    ended = pedidos("checkout", "place", "--api", api.url)
    assert ended.status == 4
    assert detail in ended.err
    assert way_out in ended.err
    assert "not ready" not in ended.err


def test_a_stack_that_is_not_ready_is_still_one_that_does_not_answer(
    api: FakeApi, pedidos: Pedidos
) -> None:
    api.routes["POST /api/checkout"] = (503, {"detail": "MongoDB does not answer"})
    ended = pedidos("checkout", "place", "--api", api.url)
    assert (ended.status, "not ready" in ended.err) == (3, True)


def test_a_stream_that_ends_too_early_is_opened_anew(api: FakeApi, pedidos: Pedidos) -> None:
    back = state("failed", money="pending", message="it did not come about")
    api.routes |= {
        f"GET {STATUS}/stream": [
            events(state("processing")),
            AWAY,
            events(back),
            events(state("completed")),
        ],
        f"GET {STATUS}": [state("processing"), AWAY, back],
    }
    ended = pedidos("checkout", "watch", JOB, "--api", api.url)
    assert ended.status == 0
    assert f"{JOB}: completed" in ended.out
    assert len(api.requests(f"{STATUS}/stream")) == 4
    assert ended.err.count("it is processing") == 1


def test_what_is_not_decided_is_no_success(
    api: FakeApi, pedidos: Pedidos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout_states, "PATIENCE_SECONDS", 0.05)
    accepted = {"jobId": JOB, "status": "queued", "trackingUrl": "http://shop/track"}
    api.routes |= {
        "POST /api/checkout": (202, {"data": accepted}),
        f"GET {STATUS}/stream": [events(state("processing")), AWAY],
        f"GET {STATUS}": AWAY,
    }
    ended = pedidos("checkout", "place", "--api", api.url)
    assert (ended.status, ended.out) == (3, "")
    assert f"{JOB} was processing when it was last seen" in ended.err
    assert f"`pedidos checkout watch {JOB}`" in ended.err


def test_a_checkout_that_is_gone_is_an_unknown_id(api: FakeApi, pedidos: Pedidos) -> None:
    api.routes |= {
        f"GET {STATUS}/stream": b"retry: 1000\n\nevent: status\ndata: {}\n\n",
        f"GET {STATUS}": (404, {"detail": f"no checkout has the id {JOB}"}),
    }
    ended = pedidos("checkout", "watch", JOB, "--api", api.url)
    assert (ended.status, "no checkout has the id" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("place", "--item", "STA-001=x"), "--item STA-001=x"),
        (("place", "--file", "{broken"), "is not JSON"),
        (("place", "--file", "[]"), "no JSON object"),
        (("place", "--key", ""), "--key"),
        (("pay", "1.00", "--key", " "), "--key"),
        (("status", ""), "JOB_ID"),
        (("watch", ""), "JOB_ID"),
        (("orders", ""), "CUSTOMER"),
    ],
)
def test_what_is_written_wrong_is_bad_input_and_asks_nothing(
    api: FakeApi, pedidos: Pedidos, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    if "--file" in arguments:
        (tmp_path / "cart.json").write_text(arguments[-1])
        arguments = (*arguments[:-1], str(tmp_path / "cart.json"))
    ended = pedidos("checkout", *arguments, "--api", api.url)
    assert (ended.status, ended.out) == (2, "")
    assert told.lower() in ended.err.lower()
    assert api.asked == []


def test_a_refused_step_is_marked_as_what_went_wrong(api: FakeApi, pedidos: Pedidos) -> None:
    steps = [
        {"step": "payment", "status": "succeeded", "outcome": "card_declined"},
        {"step": "recovery", "status": "succeeded", "outcome": "done"},
        {"step": "stock", "status": "waiting", "outcome": None},
    ]
    api.routes[f"GET {STATUS}"] = state("failed", steps=steps)
    ended = pedidos("checkout", "status", JOB, "--api", api.url)
    assert ended.status == 1
    assert "✗ payment: card_declined" in ended.out
    assert "✓ recovery: succeeded" in ended.out
    assert "  stock: waiting" in ended.out
    assert "status 1" in pedidos("checkout", "status", "--help").out


@pytest.mark.parametrize(
    ("seen", "complete", "told"),
    [
        ({"payments": 0, "products": 120}, True, "Compared 0 payments, 120 products: 2 differ"),
        ({}, False, "Compared nothing: 2 differences"),
    ],
)
def test_a_reconciliation_says_what_it_left_for_later(
    api: FakeApi, pedidos: Pedidos, seen: dict[str, int], complete: bool, told: str
) -> None:
    report = {"id": "reconcile:1", "finishedAt": "now", "complete": complete, "seen": seen}
    report |= {"counts": {"amount": 2}, "differences": []}
    api.routes |= {
        "POST /api/reconciliations": {"id": "reconcile:1"},
        "GET /api/reconciliations": {"items": [report]},
    }
    said = pedidos("checkout", "reconcile", "--api", api.url).out
    assert told in said
    assert "younger than 5 minutes are left for later" in said
    assert ("did not come to" in said) is not complete


def test_who_adds_the_sample_shop_is_told_of_its_codes(api: FakeApi, pedidos: Pedidos) -> None:
    api.routes["POST /api/products/sample"] = {"added": 120}
    said = pedidos("checkout", "seed", "--api", api.url).out
    assert "120 products added" in said
    live = [one.code for one in sample_shop().discounts if one.valid_until is None]
    assert f"discount codes {' and '.join(live)} hold from now on" in " ".join(said.split())
