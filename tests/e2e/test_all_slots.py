"""As many jobs really run at once as the workers have slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import Stack, running_stack, until

WORKERS, SLOTS = 12, 25
# nine of ten are NORMAL; some more than there are slots wait all the time
QUANTITY = 500


def running_by_worker(stack: Stack) -> Counter[str]:
    """How many jobs each worker has at this moment, by the ledger."""
    running = stack.database.jobs.find({"queue": "orders", "status": "running"}, {"lease": 1})
    return Counter(job["lease"]["worker"] for job in running)


def fullest(stack: Stack, seconds: float) -> Counter[str]:
    """The workers' jobs when all slots are taken, else those after so many seconds."""
    seen: Counter[str] = Counter()

    def full() -> bool:
        nonlocal seen
        seen = running_by_worker(stack)
        return seen.total() >= WORKERS * SLOTS

    try:
        until(full, seconds)
    except AssertionError:
        return seen
    return seen


@pytest.mark.timeout(180)
def test_twelve_workers_with_25_slots_run_300_jobs_at_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    mode = tmp_path / "mode.json"
    handlers.switch(mode, "held")
    environ = {
        "ORDER_HANDLER": handlers.SPEC,
        handlers.VARIABLE: str(mode),
        "ORDER_HANDLER_TIMEOUT_MS": "120000",
        "ORDERS_BATCH_SIZE": "1",
        "ORDERS_QUEUE_CONCURRENCY": str(SLOTS),
    }
    with running_stack(tmp_path / "stack", environ, workers=WORKERS) as stack:
        run_id = stack.start(QUANTITY)
        seen = fullest(stack, 40.0)
        handlers.switch(mode)
        assert sorted(seen.values()) == [SLOTS] * WORKERS, f"{seen.total()} ran at once: {seen}"
        stack.await_phase("DONE", seconds=60)
        stack.assert_audited(run_id)
        assert stack.database.orders.count_documents({"status": "processado"}) == QUANTITY
    record_property(COUNTED, f"{seen.total()} jobs ran at once in {len(seen)} workers")
