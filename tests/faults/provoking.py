"""What makes a process of a running stack come to a failpoint; each may be done again and again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from bson.decimal128 import Decimal128
from bson.timestamp import Timestamp

from pedidos_common.domain.fingerprints import fingerprint
from pedidos_common.domain.orders import ERASED
from pedidos_common.domain.queues import INVENTORY
from tests.e2e import handlers
from tests.faults.hurting import Hurting

SLOW = 0.1
RESTART_SECONDS = 8.0
CHORES_SECONDS = 4.0
ASKED_SECONDS = 4.0
LEFT_OVER = {
    "cliente": "left over",
    "valor": Decimal128("1.00"),
    "tier": "BRONZE",
    "priority": "NORMAL",
    "status": "pendente",
    "observacoes": "",
    "createdAt": datetime(2026, 1, 1, tzinfo=UTC),
}
DEAD_LETTER: dict[str, Any] = {
    "createdSeq": Timestamp(0, 0),
    "function": "reserve-stock",
    "queue": INVENTORY,
    "band": 1,
    "payload": {},
    "status": "failed",
    "deliveries": 1,
    "attempts": 5,
    "lease": None,
    "ring": 1,
    "result": {},
    "error": "gave up",
}
ROWS = 300
FILE = "customer_id,ordered_at,quantity,amount\n" + "".join(
    f"{n % 53},1997-01-{n % 28 + 1:02d},1,{n % 90}.50\n" for n in range(ROWS)
)


def ask(hurt: Hurting, path: str, **options: Any) -> httpx.Response:
    """A POST that is not waited for long: who answers it may be hurt by it."""
    return hurt.stack.http.post(path, timeout=ASKED_SECONDS, **options)


# --- runs


def a_run(hurt: Hurting) -> None:
    """A run goes on as fast as it can."""
    handlers.switch(hurt.mode)
    hurt.keep_running()


def a_slow_run(hurt: Hurting) -> None:
    """A run in which workers hold jobs for a while."""
    handlers.switch(hurt.mode, seconds=SLOW)
    hurt.keep_running()


def a_failing_run(hurt: Hurting) -> None:
    """A run in which orders fail, for now and for good, and are observed one by one."""
    handlers.switch(hurt.mode, "failing", 0.02)
    hurt.keep_running()


def a_paused_run(hurt: Hurting) -> None:
    """A run whose jobs wait so long that their rings are looked for."""
    hurt.keep_running()
    ask(hurt, "/pedidos/queue/pause")


def suspects(hurt: Hurting, probes: int = 0) -> None:
    """Batches are made to look as if they had killed workers: they are split, and run alone."""
    a_slow_run(hurt)
    jobs = hurt.stack.database.jobs
    waiting = {"status": "queued", "queue": "orders", "lost": 0}
    # few of them: each is split in ten, and these in ten
    for job in jobs.find(waiting).sort("_id", -1).limit(2):
        jobs.update_one({**waiting, "_id": job["_id"]}, {"$set": {"lost": 5, "probes": probes}})


def hopeless(hurt: Hurting) -> None:
    """The same, of orders that were tried alone already: they are given up."""
    suspects(hurt, probes=2)


# --- ends


def a_stopped_worker(hurt: Hurting) -> None:
    """SIGTERM of a worker in the middle of slow batches."""
    a_slow_run(hurt)
    busy = {"status": "running", "queue": "orders"}
    if hurt.stack.database.jobs.count_documents(busy) and hurt.may_again(RESTART_SECONDS):
        os.kill(hurt.stack.processes("worker")[0]["pid"], signal.SIGTERM)


def a_stopped_leader(hurt: Hurting) -> None:
    """SIGTERM of the orchestrator that leads; the next leader begins with all of its chores."""
    a_slow_run(hurt)
    leads = hurt.settled_leader(CHORES_SECONDS)
    if leads and hurt.may_again(RESTART_SECONDS):
        hurt.revive_twin()
        os.kill(leads, signal.SIGTERM)


def a_cancel(hurt: Hurting) -> None:
    """A run is cancelled, with everything that a cancel can clear."""
    a_slow_run(hurt)
    everything = {"purge": "true", "removePending": "true", "resetLogs": "true"}
    if hurt.stack.database.orders.find_one({"status": "pendente"}):
        ask(hurt, "/pedidos/cancel", params=everything)


def a_cancel_that_workers_see_first(hurt: Hurting) -> None:
    """The run is asked to end while no engine is there to cancel its jobs."""
    a_slow_run(hurt)
    jobs, runs = hurt.stack.database.jobs, hurt.stack.database.process_runs
    if jobs.count_documents({"status": "queued", "queue": "orders"}):
        pids = hurt.orchestrators()
        _signal(pids, signal.SIGSTOP)
        asked = {"purge": False, "remove_pending": False, "reset_logs": False}
        runs.update_one({"active": True}, {"$set": {"abort": asked}})
        time.sleep(2.0)
        _signal(pids, signal.SIGCONT)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def a_resume(hurt: Hurting) -> None:
    """A run is cancelled and resumed."""
    a_slow_run(hurt)
    handlers.switch(hurt.mode)
    run = hurt.stack.database.process_runs.find_one({"active": True})
    ask(hurt, "/pedidos/cancel", params={"removePending": "false"})
    if run:
        ask(hurt, f"/pedidos/runs/{run['_id']}/resume")


def a_reset(hurt: Hurting) -> None:
    """Everything is wiped, of which there is something; an earlier reset's hold is over."""
    past = {"$set": {"heldUntil": hurt.stack.database.command("hello")["localTime"]}}
    hurt.stack.database.process_runs.update_one({"_id": "reset"}, past)
    if hurt.stack.database.orders.find_one() is None:
        hurt.stack.database.orders.insert_one({**LEFT_OVER, "_id": uuid4()})
    ask(hurt, "/pedidos/reset", params={"force": "true"})


# --- the rest of the API


def an_import(hurt: Hurting) -> None:
    """A run of orders from a file, its customers ranked; it ends, and its rows are forgotten."""
    handlers.switch(hurt.mode)
    hurt.end_of_run()
    ask(hurt, "/pedidos/import", content=FILE.encode(), headers={"content-type": "text/csv"})


def a_dry_run(hurt: Hurting) -> None:
    """A file is only looked at."""
    hurt.end_of_run()
    csv = {"content-type": "text/csv"}
    dry = {"dryRun": "true"}
    ask(hurt, "/pedidos/import", content=FILE.encode(), headers=csv, params=dry)


def a_clean(hurt: Hurting) -> None:
    """Failed jobs of runs that are over are deleted."""
    hurt.end_of_run()
    ask(hurt, "/pedidos/queue/clean", params={"state": "failed"})


def a_redrive(hurt: Hurting) -> None:
    """Dead letters are sent again."""
    a_failing_run(hurt)
    if hurt.stack.database.orders.find_one({"status": "falhou"}):
        ask(hurt, "/pedidos/dead/redrive", json={"all": True})


def a_queue_pause(hurt: Hurting) -> None:
    """One queue, which no run needs, is paused and goes on."""
    a_run(hurt)
    for verb in ("pause", "resume"):
        ask(hurt, f"/api/queues/{INVENTORY}/{verb}")


def a_group_redrive(hurt: Hurting) -> None:
    """A dead letter of checkout is sent again by its fingerprint; nobody needs it after that."""
    a_run(hurt)
    jobs, job_id = hurt.stack.database.jobs, f"dead:{uuid4()}"
    jobs.insert_one({**DEAD_LETTER, "_id": job_id})
    key = fingerprint(DEAD_LETTER["function"], DEAD_LETTER["error"])
    try:
        ask(hurt, f"/api/queues/{INVENTORY}/dead-letters/{key}/redrive")
    finally:
        jobs.delete_one({"_id": job_id})


def an_erasure(hurt: Hurting) -> None:
    """A customer is forgotten."""
    a_run(hurt)
    order = hurt.stack.database.orders.find_one({"cliente": {"$ne": ERASED}})
    if order:
        ask(hurt, "/pedidos/customers/erase", json={"cliente": order["cliente"]})
