"""How many processes should serve one queue, and which queues were named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from pedidos_cli.autoscale.queue_bounds import scales_named
from pedidos_cli.autoscale.queue_loop import QueueAutoscaler
from pedidos_cli.autoscale.queue_policy import QueuePace, QueueScaling
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.stack_file import ProcessEntry
from pedidos_common.domain.queues import Scale

PACE = QueuePace(look=1, grow=15, shrink=60)


def scaling(least: int = 1, most: int = 8) -> QueueScaling:
    return QueueScaling(Scale(least, most), PACE)


@pytest.mark.parametrize(
    ("waiting", "processes"), [(101, 4), (100, 2), (50, 2), (10, 2), (9, 1), (0, 1)]
)
def test_two_more_above_a_hundred_one_fewer_below_ten(waiting: float, processes: int) -> None:
    assert scaling().decide(0, waiting, processes=2) == processes


def test_within_bounds_alone() -> None:
    assert scaling(most=3).decide(0, 1_000, processes=2) == 3
    assert scaling(least=2).decide(0, 0, processes=2) == 2
    assert scaling(least=2).decide(0, 50, processes=0) == 2
    assert scaling(least=0).decide(0, 0, processes=1) == 0


def test_between_two_steps_there_is_a_pause() -> None:
    asked = scaling()
    assert asked.decide(0, 1_000, 1) == 3
    assert asked.decide(14, 1_000, 3) == 3
    assert asked.decide(15, 1_000, 3) == 5
    assert asked.decide(74, 0, 5) == 5
    assert asked.decide(75, 0, 5) == 4
    assert asked.decide(90, 1_000, 4) == 6


def test_a_queue_that_swings_around_a_limit_does_not_make_processes_come_and_go() -> None:
    asked, processes, changes = scaling(), 4, 0
    for second in range(0, 120, 2):
        wanted = asked.decide(second, 5 if second % 4 else 15, processes)
        changes += wanted != processes
        processes = wanted
    assert changes <= 2


def test_queues_are_named_with_their_bounds_or_have_those_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "queues.toml"
    file.write_text("[queues.inventory]\nscale = { most = 3, grow_above = 50 }\n")
    assert scales_named("payment-processing=2:9, inventory", str(file)) == {
        "payment-processing": Scale(least=2, most=9),
        "inventory": Scale(most=3, grow_above=50),
    }
    assert scales_named(None, None) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("payments=1:2", "'payments' is no queue of workers"),
        ("generation=1:2", "'generation' is no queue of workers"),
        ("inventory,inventory=1:2", "stands there twice"),
        ("inventory=two", "'two' are no two numbers"),
        ("inventory=3:2", "'3:2' is no range"),
        ("inventory=0:0", "'0:0' is no range"),
    ],
)
def test_what_is_no_list_of_queues_is_told(text: str, why: str) -> None:
    with pytest.raises(CliError, match=why) as caught:
        scales_named(text, None)
    assert caught.value.status is ExitStatus.USAGE


class FakeStack:
    """Queues' workers as numbers; one orchestrator that tells what waits."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def entries(self) -> Iterable[ProcessEntry]:
        return [ProcessEntry("orchestrator", 0, 1, "", "http://o/metrics", 0)]

    def workers_of(self, queue: str) -> int:
        return self.counts.get(queue, 0)

    def scale_queue(self, queue: str, count: int) -> None:
        self.counts[queue] = count


async def test_each_queue_is_scaled_by_what_waits_in_it() -> None:
    told = {"inventory": 500, "email-notifications": 0}
    stack, said = FakeStack(), list[str]()
    stack.counts = {"inventory": 1, "email-notifications": 2, "sms-notifications": 1}

    def metrics(_request: httpx.Request) -> httpx.Response:
        lines = [
            f'pedidos_queue_jobs{{queue="{queue}",state="waiting"}} {count}\n'
            for queue, count in told.items()
        ]
        return httpx.Response(200, text="".join(lines))

    scales = dict.fromkeys(stack.counts, Scale())
    autoscaler = QueueAutoscaler(stack, scales, said.append, PACE)
    async with httpx.AsyncClient(transport=httpx.MockTransport(metrics)) as client:
        await autoscaler.turn(client)
        await autoscaler.turn(client)
    assert stack.counts == {"inventory": 3, "email-notifications": 1, "sms-notifications": 1}
    assert len(said) == 2
    assert "inventory: 1 worker, now 3: 500 jobs wait" in said[0]
