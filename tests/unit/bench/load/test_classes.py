"""What is promised to whoever waits follows from the limits that are in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load.classes import QUEUES, bound_seconds, limits_file
from pedidos_common.runtime.queue_file import read_queues


def test_the_file_limits_every_queue_of_a_checkout_and_nothing_is_done_at_once(
    tmp_path: Path,
) -> None:
    table = read_queues(limits_file(tmp_path, 1_200))
    limits = {name: (table[name].sync_above, table[name].refuse_above) for name in QUEUES}
    assert limits == dict.fromkeys(QUEUES, (None, 1_200))


def test_the_bound_is_of_those_before_it_what_a_look_missed_and_a_minutes_vips(
    tmp_path: Path,
) -> None:
    table = read_queues(limits_file(tmp_path, 1_000))
    # three times 1,000 waiting, 150 in the second of a look, and 37.5 VIPs a second for 60 s
    assert bound_seconds(table, 100.0, 150.0) == pytest.approx((3_000 + 150 + 2_250) / 100)
