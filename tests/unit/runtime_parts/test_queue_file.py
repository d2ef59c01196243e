"""The file of queues: what it changes, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedidos_common.domain.jobs import RetryPolicy
from pedidos_common.domain.queues import (
    DEFAULTS,
    PAYMENT_PROCESSING,
    QueuePolicy,
    QueueTable,
    Rate,
    Scale,
)
from pedidos_common.runtime.queue_file import WrongQueues, queues_of, read_queues

EVERY_FIELD = """
[queues.payment-processing]
concurrency = 7
rate = "1000/60s"
attempts = 3
backoff_seconds = 1
longest_backoff_seconds = 20.5
vip_ahead_seconds = 0
sync_above = "none"
refuse_above = 25000
keep_completed = 1
keep_failed = 2
worked_within_seconds = 30
scale = { least = 0, most = 100, grow_above = 50, shrink_below = 5, grow_by = 4 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "queues.toml"


def test_without_a_file_every_queue_is_as_usual() -> None:
    assert queues_of(None) == QueueTable()
    assert QueueTable().names == tuple(DEFAULTS)


def test_every_field_of_a_queue_can_be_changed_and_nothing_else_changes(file: Path) -> None:
    file.write_text(EVERY_FIELD)
    table = read_queues(file)
    assert table[PAYMENT_PROCESSING] == QueuePolicy(
        PAYMENT_PROCESSING,
        concurrency=7,
        rate=Rate(1_000, 60.0),
        retry=RetryPolicy(3, 1.0, 20.5),
        vip_ahead_seconds=0.0,
        sync_above=None,
        refuse_above=25_000,
        keep_completed=1,
        keep_failed=2,
        worked_within_seconds=30.0,
        scale=Scale(0, 100, 50, 5, 4),
    )
    others = {name: policy for name, policy in DEFAULTS.items() if name != PAYMENT_PROCESSING}
    assert {name: table[name] for name in others} == others


def test_what_a_file_does_not_say_stays(file: Path) -> None:
    file.write_text("[queues.inventory]\nattempts = 2\nscale.most = 3\n")
    policy = read_queues(file)["inventory"]
    assert (policy.concurrency, policy.retry) == (5, RetryPolicy(max_attempts=2))
    assert policy.scale == Scale(most=3)


WRONG = [
    ("[queues.payments]\n", "[queues.payments]: there is no such queue; there are generation, "),
    ("[queues.inventory]\nspeed = 3\n", "[queues.inventory] speed: there is no such field"),
    ("[queues.inventory]\nconcurrency = 0\n", "concurrency: must be greater than or equal to 1"),
    ("[queues.inventory]\nconcurrency = 2.5\n", "concurrency: must be a"),
    ("[queues.inventory]\nattempts = 'many'\n", "attempts: must be a"),
    ("[queues.inventory]\nrate = '9 a second'\n", 'rate: must be like "1000/60s"'),
    ("[queues.inventory]\nrate = '0/1s'\n", "rate: must be like"),
    ("[queues.inventory]\nrate = 5\n", "rate: must be like"),
    ("[queues.inventory]\nscale = 5\n", "scale: must be a table"),
    ("[queues.inventory]\nscale.most = 0\n", "scale.most: must be greater than or equal to 1"),
    ("[queues.inventory]\nscale.least = 9\n", "scale.least=9: must be at most scale.most"),
    ("[queues.inventory]\nscale.shrink_below = 101\n", "scale.shrink_below: must be at most"),
    ("[queues.inventory]\nsync_above = 30000\n", "sync_above=30000: must be at most refuse_above"),
    ("[queues.inventory]\nbackoff_seconds = 301\n", "backoff_seconds: must be at most longest"),
    ("[queue.inventory]\n", "queue: there is no such table, only [queues.<name>]"),
    ("[queues]\ninventory = 5\n", "[queues.inventory] it: must be a table"),
    ("queues = 5\n", "queues must be tables"),
    ("[queues.inventory\n", "is no TOML: "),
    ("#" * 300_000, "is larger than"),
]


@pytest.mark.parametrize(("content", "said"), WRONG)
def test_what_is_wrong_is_told_by_file_queue_and_field(content: str, said: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(WrongQueues) as caught:
        read_queues(file)
    assert str(caught.value).startswith(str(file))
    assert said in str(caught.value)


def test_all_that_is_wrong_is_told_at_once_and_ends_the_start(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[queues.orders]\nattempts = 0\nspeed = 1\n[queues.nothing]\n")
    with pytest.raises(SystemExit) as ended:
        queues_of(file)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "QUEUES_FILE=" in told
    for said in ("attempts: must be", "speed: there is no", "nothing]: there is no such queue"):
        assert said in told


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    with pytest.raises(WrongQueues, match="can't be read: No such file"):
        read_queues(file)
