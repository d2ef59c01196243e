"""A run from its start to its report, on real processes."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import SMALL, Stack, until

MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
QUANTITY = 20_000
LANES = {"vip": "VIP", "normal": "NORMAL"}


def moment(text: str) -> datetime:
    assert MOMENT.match(text), text
    return datetime.fromisoformat(text)


def lane_in_database(stack: Stack, run_id: str, lane: str) -> dict[str, Any]:
    """What jobs and orders say of one priority of a run."""
    jobs = list(stack.database.jobs.find({"_id": {"$regex": f"^{run_id}:{lane}:"}}))
    orders = stack.database.orders
    return {
        "start": min(job["firstClaimedAt"] for job in jobs),
        "end": max(job["settledAt"] for job in jobs),
        "count": orders.count_documents({"priority": LANES[lane], "status": "processado"}),
        "failed": orders.count_documents({"priority": LANES[lane], "status": "falhou"}),
    }


def entered(run: dict[str, Any], phase: str) -> datetime:
    found: datetime = next(entry["at"] for entry in run["phases"] if entry["phase"] == phase)
    return found


def milliseconds(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)


def test_run_ends_done_and_every_figure_is_the_databases(stack: Stack) -> None:
    run_id = stack.start(QUANTITY, seed=5)
    stack.await_phase("DONE")
    stack.assert_audited(run_id)

    status, run = stack.get("/pedidos"), stack.database.process_runs.find_one({"_id": run_id})
    assert run is not None
    assert (status["lastRunId"], status["phase"]) == (run_id, "DONE")
    for lane, priority in LANES.items():
        shown, stored = status["processing"][lane], lane_in_database(stack, run_id, lane)
        assert (moment(shown["start"]), moment(shown["end"])) == (stored["start"], stored["end"])
        assert shown["timeMs"] == milliseconds(stored["start"], stored["end"])
        assert (shown["count"], shown["failed"]) == (stored["count"], stored["failed"])
        held = stack.database.orders.count_documents({"priority": priority})
        assert status["counts"][lane] == held
        speed = shown["count"] / (shown["timeMs"] / 1000)
        assert status["throughput"][lane] == pytest.approx(speed, rel=0.01)
    began = run["createdAt"]
    assert status["generationTimeMs"] == milliseconds(began, entered(run, "ENQUEUE_VIP"))
    waited = milliseconds(entered(run, "ENQUEUE_NORMAL"), entered(run, "WAITING_NORMAL_DRAIN"))
    assert status["enqueueNormalTimeMs"] == waited
    assert 0 <= status["enqueueVipTimeMs"] <= status["totalTimeMs"]
    total = milliseconds(began, entered(run, "DONE"))
    assert status["totalTimeMs"] == pytest.approx(total, abs=200)
    overall = QUANTITY / (status["totalTimeMs"] / 1000)
    assert status["throughput"]["overall"] == pytest.approx(overall, rel=0.01)
    assert status["eta"] == {"estimatedMs": 0, "progressPercent": 100}
    final = {"target": QUANTITY, "generated": QUANTITY, "processedTotal": QUANTITY}
    assert status["progress"] == final


def test_run_is_in_the_history_with_its_flat_figures(stack: Stack) -> None:
    run_id = stack.start(2_000)
    stack.await_phase("DONE")
    page, run = stack.get("/pedidos/runs"), stack.get(f"/pedidos/runs/{run_id}")
    assert [item["runId"] for item in page["items"]] == [run_id]
    assert run["totalProcessedVIP"] + run["totalProcessedNormal"] == 2_000
    assert moment(run["startVIP"]) <= moment(run["endVIP"]) <= moment(run["startNormal"])
    assert [entry["phase"] for entry in run["phases"]][-1] == "DONE"
    frozen = run["settings"]
    assert {name: str(frozen[name]) for name in SMALL} == SMALL
    assert run["seed"] == 1


def test_same_seed_gives_the_same_orders(stack: Stack) -> None:
    fields = {"_id": 0, "createdAt": 0, "processedAt": 0}
    seen = []
    for _ in range(2):
        stack.start(3_000, seed=11)
        stack.await_phase("DONE")
        seen.append(list(stack.database.orders.find({}, fields).sort("_id", 1)))
        stack.reset()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("quantity", ["0", "-1", "1500001", "99999999999999999999", "many", ""])
def test_bad_quantity_is_refused_and_the_limit_named(stack: Stack, quantity: str) -> None:
    answer = stack.http.post("/pedidos/generate", params={"quantity": quantity})
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert "1500000" in answer.json()["detail"].replace(",", "").replace(".", "")
    assert stack.phase() == "IDLE"


@pytest.mark.parametrize("starters", [2, 20])
def test_of_simultaneous_starts_one_wins(stack: Stack, starters: int) -> None:
    with ThreadPoolExecutor(starters) as pool:
        answers = list(
            pool.map(
                lambda seed: stack.http.post(f"/pedidos/generate?quantity=20000&seed={seed}"),
                range(starters),
            )
        )
    assert sorted(a.status_code for a in answers) == [202] + [409] * (starters - 1)
    winner = next(a.json()["runId"] for a in answers if a.status_code == 202)
    assert {a.json()["runId"] for a in answers} == {winner}
    assert all(winner in a.json()["detail"] for a in answers if a.status_code == 409)
    stack.await_phase("DONE")
    stack.assert_audited(winner)


@pytest.mark.parametrize(
    "path",
    [
        "/pedidos/runs/00000000-0000-8000-8000-000000000000",
        "/pedidos/orders/00000000-0000-8000-8000-000000000001",
        "/pedidos/queue/jobs/no-such-job",
        "/pedidos/imports/no-such-import",
    ],
)
def test_unknown_ids_are_not_found(stack: Stack, path: str) -> None:
    answer = stack.http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_command_line_runs_reports_and_audits(stack: Stack) -> None:
    ran = stack.command("run", "--quantity", "2000", "--json")
    assert ran.returncode == 0, ran.stderr
    audited = stack.command("audit", "--mongo-uri", stack.mongo_uri, "--json")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert json.loads(audited.stdout)["passed"]
    stack.database.orders.delete_one({"status": "processado"})
    assert stack.command("audit", "--mongo-uri", stack.mongo_uri).returncode == 1


def test_second_run_on_the_command_line_is_told_which_one_is_active(stack: Stack) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: stack.command("run", "--quantity", "60000"), range(2)))
    both.sort(key=lambda one: one.returncode)
    assert [one.returncode for one in both] == [0, 4], [one.stderr for one in both]
    run_id = stack.get("/pedidos")["lastRunId"]
    assert run_id in both[1].stderr


def test_an_exported_file_is_verified_and_a_customer_erased(stack: Stack, tmp_path: Path) -> None:
    run_id = stack.start(1_000)
    stack.await_phase("DONE")
    file = tmp_path / "orders.csv"
    until(lambda: stack.http.get(f"/pedidos/runs/{run_id}/receipt").is_success)
    done = stack.command("export", run_id, "--out", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rowsByStatus"] == {"processado": 1_000}
    assert stack.command("export", "--verify", str(file)).returncode == 0
    order = stack.database.orders.find_one({})
    assert order is not None
    erased = stack.command("erase", order["cliente"], "--yes", "--json")
    assert json.loads(erased.stdout)["orders"] >= 1
    assert stack.database.orders.count_documents({"cliente": order["cliente"]}) == 0
    stack.assert_audited(run_id)


def test_export_holds_every_order_once(stack: Stack) -> None:
    run_id = stack.start(1_500)
    stack.await_phase("DONE")
    text = stack.http.get(f"/pedidos/runs/{run_id}/export", params={"format": "ndjson"}).text
    orders = [json.loads(line) for line in text.splitlines()]
    assert len({order["id"] for order in orders}) == len(orders) == 1_500
    assert {order["status"] for order in orders} == {"processado"}


def test_late_watcher_gets_the_present_state_first(stack: Stack) -> None:
    run_id = stack.start(500)
    stack.await_phase("DONE")
    with stack.http.stream("GET", "/pedidos/stream") as events:
        data = next(line for line in events.iter_lines() if line.startswith("data:"))
    state = json.loads(data.removeprefix("data:"))
    assert (state["phase"], state["lastRunId"]) == ("DONE", run_id)
