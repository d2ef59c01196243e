"""`ORDERS_BATCH_SIZE=1`: one job an order."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.stack import running_stack

QUANTITY = 300


def test_a_run_of_one_job_an_order_adds_up(tmp_path: Path) -> None:
    environ = {"ORDERS_BATCH_SIZE": "1", "NORMAL_ENQUEUE_BATCH_SIZE": "50"}
    with running_stack(tmp_path / "stack", environ) as stack:
        run_id = stack.start(QUANTITY)
        stack.await_phase("DONE")
        stack.assert_audited(run_id)
        jobs = list(stack.database.jobs.find({"queue": "orders"}))
        sizes = {job["payload"]["last"] - job["payload"]["first"] + 1 for job in jobs}
        assert (len(jobs), sizes) == (QUANTITY, {1})
        assert stack.database.orders.count_documents({"status": "processado"}) == QUANTITY
