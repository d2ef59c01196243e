"""What a shop's own order handler may do, and what becomes of its orders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import handlers
from tests.e2e.conftest import Switch
from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack

QUANTITY = 3_000


def failed_orders(shop: Stack) -> dict[int, dict[str, Any]]:
    """The orders that are `falhou`, by sequence."""
    found = shop.database.orders.find({"status": "falhou"})
    return {order["_id"].int & ((1 << 40) - 1): order for order in found}


def finish(shop: Stack, quantity: int = QUANTITY) -> str:
    run_id = shop.start(quantity)
    shop.await_phase("DONE")
    shop.assert_audited(run_id)
    return run_id


def test_failed_orders_are_dead_letters_and_can_be_sent_again(shop: Stack, switch: Switch) -> None:
    switch("failing")
    run_id = finish(shop)
    expected = {n for n in range(1, QUANTITY + 1) if handlers.fails_for_good(n)}
    failed = failed_orders(shop)
    assert set(failed) == expected
    assert {order["error"] for order in failed.values()} == {
        f"order {n} is not deliverable" for n in expected
    }
    tried_again = shop.database.orders.count_documents({"attempts": 2, "status": "processado"})
    assert tried_again == sum(handlers.fails_once(n) for n in range(1, QUANTITY + 1))
    shipped = shop.database.orders.count_documents({"observacoes": {"$regex": "^shipped "}})
    assert shipped == sum(n % 10 == 0 and n not in expected for n in range(1, QUANTITY + 1))

    dead = shop.get("/pedidos/dead", run=run_id, limit=100)["orders"]["items"]
    assert {order["id"] for order in dead} == {str(order["_id"]) for order in failed.values()}
    listed = shop.command("dead", "--json")
    assert listed.returncode == 0, listed.stderr
    assert all(order["id"] in listed.stdout for order in dead)

    switch()
    again = shop.command("dead", "--redrive", "all", "--json")
    assert again.returncode == 0, again.stderr
    said = json.loads(again.stdout)
    assert (said["orders"], said["processado"], said["falhou"]) == (len(expected),) * 2 + (0,)
    # the command has followed them to their end
    assert not shop.get("/pedidos/dead")["orders"]["items"]
    assert shop.database.orders.count_documents({"status": "processado"}) == QUANTITY
    shop.assert_audited(run_id)


def test_run_of_which_every_order_fails_ends_and_says_so(shop: Stack, switch: Switch) -> None:
    switch("none_works")
    run_id = finish(shop, 600)
    status = shop.get("/pedidos")
    assert status["processing"]["vip"]["failed"] + status["processing"]["normal"]["failed"] == 600
    errors = {order["error"] for order in shop.database.orders.find({}).limit(50)}
    assert all("$nothing works for" in error for error in errors)
    assert {order["attempts"] for order in shop.database.orders.find({})} == {3}
    assert shop.get("/pedidos/health/queue")["hasFailedJobs"] is True
    assert shop.get(f"/pedidos/runs/{run_id}")["phase"] == "DONE"


def test_handler_that_hangs_or_answers_nonsense_fails_those_orders_alone(
    shop: Stack, switch: Switch
) -> None:
    switch("odd")
    finish(shop, 1_000)
    failed = failed_orders(shop)
    assert set(failed) == {n for n in range(1, 1_001) if n % 50 in {7, 9}}
    assert all("0.5 s" in failed[n]["error"] for n in failed if n % 50 == 7)
    assert all("dict" in failed[n]["error"] for n in failed if n % 50 == 9)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_order_that_kills_its_worker_is_found_and_dead_alone(shop: Stack, switch: Switch) -> None:
    switch("deadly")
    run_id = shop.start(300)
    shop.await_phase("DONE", seconds=360)
    shop.assert_audited(run_id)
    assert set(failed_orders(shop)) == {77}


def test_a_rude_handler_fails_its_own_orders_only(tmp_path: Path) -> None:
    mode = tmp_path / "mode.json"
    handlers.switch(mode, "rude")
    environ = {"ORDER_HANDLER": handlers.SPEC, handlers.VARIABLE: str(mode)}
    environ["ORDER_MAX_ATTEMPTS"] = "2"
    with running_stack(tmp_path / "stack", environ, workers=1) as stack:
        run_id = stack.start(400)
        stack.await_phase("DONE", seconds=90)
        stack.assert_audited(run_id)
        failed = failed_orders(stack)
        assert set(failed) == {n for n in range(1, 401) if handlers.fails_rudely(n)}
        assert {order["attempts"] for order in failed.values()} == {2}
        assert_stops_cleanly(stack)
