"""Cancel, reset, pause and close, in every phase, and over restarts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Switch
from tests.e2e.stack import Stack, until

SLOW = 0.2
PHASES = ["GENERATING", "WAITING_VIP_DRAIN", "WAITING_NORMAL_DRAIN"]
QUANTITY_FOR = {"GENERATING": 30_000}


def start_and_reach(shop: Stack, switch: Switch, phase: str) -> str:
    """A run that is in `phase`, and stays there for a while."""
    switch(seconds=SLOW)
    run_id = shop.start(QUANTITY_FOR.get(phase, 6_000))
    if phase == "WAITING_NORMAL_DRAIN":
        switch()
        shop.await_phase("ENQUEUE_NORMAL", phase)
        switch(seconds=SLOW)
    shop.await_phase(phase)
    return run_id


def heartbeats(shop: Stack) -> dict[str, Any]:
    """When each of the workers that run now last said that it lives, by its name."""
    pids = [one["pid"] for one in shop.processes("worker")]
    return {
        one["_id"]: one["seenAt"] for one in shop.database.processes.find({"pid": {"$in": pids}})
    }


def all_beat_after(shop: Stack, before: dict[str, Any]) -> bool:
    """Whether each worker has said so once more."""
    now = heartbeats(shop)
    everyone = len(now) == len(shop.processes("worker"))
    return everyone and all(name not in before or now[name] > before[name] for name in now)


def assert_nothing_moves(shop: Stack) -> None:
    """Once active jobs have ended, workers that live and look for work make no order final."""
    until(lambda: shop.get("/pedidos/health/queue")["active"] == 0)
    done = shop.database.orders.count_documents({"status": {"$ne": "pendente"}})
    before = heartbeats(shop)
    until(lambda: all_beat_after(shop, before))
    assert shop.database.orders.count_documents({"status": {"$ne": "pendente"}}) == done


@pytest.mark.parametrize("phase", PHASES)
def test_cancel_ends_the_run_and_deletes_what_is_pending(
    shop: Stack, switch: Switch, phase: str
) -> None:
    run_id = start_and_reach(shop, switch, phase)
    said = shop.post("/pedidos/cancel", purge=True, removePending=True)
    assert (said["cancelled"], said["runId"], said["drained"]) == (True, run_id, True)
    assert shop.phase() == "ABORTED"
    assert shop.database.orders.count_documents({"status": "pendente"}) == 0
    shop.assert_audited(run_id)
    assert not shop.post("/pedidos/cancel")["cancelled"]


@pytest.mark.parametrize("phase", PHASES)
def test_cancelled_run_that_kept_its_orders_is_resumed(
    shop: Stack, switch: Switch, phase: str
) -> None:
    run_id = start_and_reach(shop, switch, phase)
    shop.post("/pedidos/cancel", removePending=False)
    shop.assert_audited(run_id)
    switch()
    assert shop.post(f"/pedidos/runs/{run_id}/resume")["runId"] == run_id
    shop.await_phase("DONE")
    shop.assert_audited(run_id)


def test_cancel_of_nothing_is_harmless(shop: Stack) -> None:
    assert not shop.post("/pedidos/cancel")["cancelled"]
    assert shop.phase() == "IDLE"


@pytest.mark.parametrize("phase", PHASES)
def test_reset_is_refused_while_a_run_is_active_unless_forced(
    shop: Stack, switch: Switch, phase: str
) -> None:
    run_id = start_and_reach(shop, switch, phase)
    refused = shop.http.post("/pedidos/reset")
    assert (refused.status_code, refused.json()["runId"]) == (409, run_id)
    shop.post("/pedidos/reset", force=True)
    assert shop.phase() == "IDLE"
    until(lambda: shop.database.orders.count_documents({}) == 0)
    until(lambda: shop.database.jobs.count_documents({}) == 0)
    assert [run["runId"] for run in shop.get("/pedidos/runs")["items"]] == [run_id]
    wiped = shop.audit(run_id)
    assert (wiped.passed, wiped.failed) == (False, ()), "there is nothing left to judge"
    switch()
    shop.start(500)
    shop.await_phase("DONE")
    shop.assert_audited()


@pytest.mark.parametrize("phase", PHASES)
def test_pause_holds_the_run_and_resume_lets_it_go_on(
    shop: Stack, switch: Switch, phase: str
) -> None:
    run_id = start_and_reach(shop, switch, phase)
    assert shop.post("/pedidos/queue/pause")["state"] == "paused"
    switch()
    assert_nothing_moves(shop)
    assert shop.get("/pedidos/health/queue")["status"] == "paused"
    shop.post("/pedidos/queue/resume")
    shop.await_phase("DONE")
    shop.assert_audited(run_id)


def test_pause_holds_over_a_restart_of_everything(shop: Stack, switch: Switch) -> None:
    run_id = start_and_reach(shop, switch, "WAITING_VIP_DRAIN")
    shop.post("/pedidos/queue/pause")
    switch()
    for role in ("orchestrator", "worker", "generator", "redis"):
        shop.kill(role)
    shop.await_ready()
    until(lambda: shop.get("/pedidos/queue/status")["state"] == "paused")
    # the lease of what the killed worker held runs out, and still nobody takes it
    until(lambda: shop.database.jobs.count_documents({"status": "running"}) == 0)
    assert_nothing_moves(shop)
    assert shop.phase() != "DONE"
    shop.post("/pedidos/queue/resume")
    shop.await_phase("DONE")
    shop.assert_audited(run_id)


def test_closed_queue_takes_no_new_run(shop: Stack) -> None:
    shop.post("/pedidos/queue/close")
    refused = shop.http.post("/pedidos/generate?quantity=100")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/queue-closed")
    shop.post("/pedidos/queue/resume")
    shop.start(100)
    shop.await_phase("DONE")
