"""The end of a run is told to a shop's own endpoint."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.receiver import Receiver, receiving
from tests.e2e.stack import Stack, running_stack, until

KEY = b"0123456789abcdef01234567"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
QUANTITY = 300


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Stack, Receiver]]:
    """A stack, and the receiver that it tells; that one refuses the first delivery."""
    with receiving(500) as receiver:
        environ = {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": SECRET}
        with running_stack(tmp_path / "stack", environ, workers=1) as stack:
            yield stack, receiver


def test_the_end_of_a_run_is_told_once_signed_though_refused_at_first(
    told: tuple[Stack, Receiver],
) -> None:
    stack, receiver = told
    run_id = stack.start(QUANTITY)
    stack.await_phase("DONE")
    until(lambda: len(receiver.messages) == 2)
    until(lambda: not stack.database.jobs.count_documents({"status": {"$ne": "succeeded"}}))
    refused, taken = receiver.messages
    assert (refused.answered, taken.answered) == (500, 204)
    assert refused.is_signed_with(KEY)
    assert taken.is_signed_with(KEY)
    assert not taken.is_signed_with(KEY[::-1])
    assert abs(time.time() - int(taken.headers["webhook-timestamp"])) < 60
    assert taken.headers["webhook-id"] == refused.headers["webhook-id"]
    assert taken.body == refused.body

    message = json.loads(taken.body)
    assert (message["type"], message["runId"]) == ("run.ended", run_id)
    receipt = stack.get(f"/pedidos/runs/{run_id}")["receipt"]
    assert receipt["balanced"] is True
    assert message["receipt"] == receipt
    assert stack.database.jobs.count_documents({"queue": "notifications"}) == 1
