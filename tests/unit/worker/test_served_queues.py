"""Which queues a worker serves."""

from __future__ import annotations

import pytest

from pedidos_common.domain.queues import WORKER_QUEUES
from pedidos_worker.served_queues import UnknownQueue, served_queues, told_queues


def test_a_worker_serves_all_queues_unless_it_is_told() -> None:
    assert served_queues(told_queues([])) == WORKER_QUEUES
    told = told_queues(["--queues", "payment-processing, inventory,inventory"])
    assert served_queues(told) == ["payment-processing", "inventory"]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("inventory,nonsense", "there is no queue nonsense"),
        ("generation", "generation is the generators' queue"),
        (" , ", "no queue is named"),
    ],
)
def test_what_it_can_not_serve_is_told_with_what_it_can(told: str, why: str) -> None:
    with pytest.raises(UnknownQueue, match=why) as caught:
        served_queues(told)
    assert "a worker can serve orders, notifications, payment-processing" in str(caught.value)


def test_help_names_the_queues(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        told_queues(["--help"])
    assert ended.value.code == 0
    assert "payment-processing" in capsys.readouterr().out
