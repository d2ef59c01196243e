"""Drawn files as whole runs on a live stack: each ends DONE and audited, or leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.e2e.stack import Stack, running_stack
from tests.fuzz.files import File, files

WHOLE_RUNS = 50
DRAWN = 400


def drawn_files() -> list[File]:
    """The same files whenever it is called."""
    found: list[File] = []

    @given(files())
    @settings(
        max_examples=DRAWN,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def draw(file: File) -> None:
        found.append(file)

    draw()
    return found


def send(stack: Stack, file: File) -> Any:
    params = {"format": file.form, "encoding": file.encoding}
    return stack.http.post("/pedidos/import", params=params, content=file.content)


def left(stack: Stack) -> dict[str, int]:
    """What is stored of orders, jobs, and imports with their rows."""
    names = stack.database.list_collection_names(filter={"name": {"$regex": "order|job|import"}})
    counts = {name: stack.database[name].count_documents({}) for name in names}
    return {name: count for name, count in counts.items() if count}


def check_run(stack: Stack, answer: Any) -> None:
    body = answer.json()
    stack.await_phase("DONE")
    stack.assert_audited(body["runId"])
    taken = body["import"]["accepted"]
    orders = stack.database.orders.count_documents({"status": "processado"})
    assert orders == taken == stack.get("/pedidos")["progress"]["processedTotal"]
    stack.reset()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_drawn_files_are_whole_runs_and_the_others_leave_nothing(tmp_path: Path) -> None:
    runs = refused = 0
    with running_stack(tmp_path / "stack", {}, workers=1) as stack:
        stack.reset()
        for file in drawn_files():
            before = left(stack)
            answer = send(stack, file)
            assert answer.status_code in {202, 422}, (file, answer.text)
            if answer.status_code == 202:
                check_run(stack, answer)
                runs += 1
            else:
                assert left(stack) == before, file
                refused += 1
            if runs == WHOLE_RUNS:
                break
    assert runs == WHOLE_RUNS
    assert refused
