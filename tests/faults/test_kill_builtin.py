"""`kill -9` of a worker and of the orchestrator under the built-in handler, at full speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack, until

QUANTITY = 200_000
# Many small jobs: the run lasts, and a kill finds some of them in every state.
SMALL_JOBS = {"GENERATION_CHUNK_SIZE": "500", "ORDERS_BATCH_SIZE": "50"}


def await_progress(stack: Stack) -> None:
    """More orders have become final than when this was called."""
    seen = until(lambda: (stack.processed(),))[0]
    until(lambda: stack.processed() > seen)


@pytest.mark.timeout(300)
def test_a_run_of_the_built_in_handler_survives_the_death_of_worker_and_orchestrator(
    tmp_path: Path,
) -> None:
    with running_stack(tmp_path / "stack", SMALL_JOBS, generators=1, workers=2) as stack:
        run_id = stack.start(QUANTITY, seed=11)
        for role in ("worker", "orchestrator", "worker"):
            await_progress(stack)
            assert stack.phase() != "DONE", "the run was too short for this test"
            stack.kill(role)
        stack.await_phase("DONE", seconds=180)
        verdict = stack.audit(run_id)
        assert [check for check in verdict.checks if not check.passed] == []
        assert "observation_fits" in {check.key for check in verdict.checks}
        assert stack.database.orders.count_documents({"status": "processado"}) == QUANTITY
        assert_stops_cleanly(stack)
