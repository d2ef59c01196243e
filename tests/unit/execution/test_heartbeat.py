"""The heartbeat: off the loop, never ended by a failure, and the end of a process that hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from pedidos_common.domain.errors import LeaseLost
from pedidos_common.domain.jobs import Band, Job, JobStatus, Lease
from pedidos_common.execution.heartbeat import Heartbeat, Rhythm
from pedidos_common.execution.leases import HeldLease, HeldLeases
from pedidos_common.execution.life_signs import SILENT_SECONDS, LifeSigns
from pedidos_common.ports import BeatReply, ProcessReport
from pedidos_common.testing.eventually import eventually

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)


class Keeper:
    """Answers beats; raises while `broken`, and reports `lost`."""

    def __init__(self) -> None:
        self.beats: list[Mapping[str, str]] = []
        self.broken = False
        self.lost: frozenset[str] = frozenset()
        self.left: list[str] = []

    def beat(self, process: ProcessReport, lease_ids: Mapping[str, str]) -> BeatReply:
        self.beats.append(dict(lease_ids))
        if self.broken:
            raise OSError("no route")
        return BeatReply(LATER, self.lost & frozenset(lease_ids))

    def farewell(self, name: str) -> None:
        self.left.append(name)


def report() -> ProcessReport:
    return ProcessReport("p", "worker", "h", 1)


def hold(held: HeldLeases, lease_id: str, deadline_seconds: float = 60.0) -> HeldLease:
    lease = Lease(f"job of {lease_id}", lease_id, "w", NOW)
    job = Job(lease.job_id, "f", "q", Band.NORMAL, {}, JobStatus.RUNNING, NOW, lease=lease)
    kept = held.add(job, time.monotonic(), lambda: False)
    kept.deadline = time.monotonic() + deadline_seconds
    return kept


async def test_beats_extend_leases_and_their_fence() -> None:
    held, keeper = HeldLeases(10.0), Keeper()
    lease = hold(held, "a")
    before = lease.valid_until
    heart = Heartbeat(keeper, held, report, Rhythm(0.01))
    heart.start(asyncio.get_running_loop())
    await eventually(lambda: lease.fence == LATER and lease.valid_until > before)
    heart.stop()
    assert keeper.left == ["p"]


async def test_a_beat_goes_on_after_failures() -> None:
    held, keeper = HeldLeases(10.0), Keeper()
    keeper.broken = True
    heart = Heartbeat(keeper, held, report, Rhythm(0.005))
    heart.start(asyncio.get_running_loop())
    await eventually(lambda: heart.failures >= 3)
    keeper.broken = False
    seen = len(keeper.beats)
    await eventually(lambda: len(keeper.beats) > seen + 1)
    heart.stop()


class SlowKeeper(Keeper):
    """Answers over a slow network, and notes when it was asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.asked_at: list[float] = []

    def beat(self, process: ProcessReport, lease_ids: Mapping[str, str]) -> BeatReply:
        self.asked_at.append(time.monotonic())
        time.sleep(self._seconds)
        return super().beat(process, lease_ids)


async def test_what_a_beat_took_is_taken_off_the_pause_before_the_next() -> None:
    keeper = SlowKeeper(1.0)
    heart = Heartbeat(keeper, HeldLeases(10.0), report, Rhythm(every_seconds=1.2))
    heart.start(asyncio.get_running_loop())
    await eventually(lambda: len(keeper.asked_at) == 2)
    heart.stop()
    first, second = keeper.asked_at
    assert second - first < 2.0, "a lease would run out between two beats over a slow network"


async def test_a_lost_lease_is_told_to_its_job() -> None:
    held, keeper = HeldLeases(10.0), Keeper()
    lease = hold(held, "a")
    told = threading.Event()
    lease.on_lost = told.set
    keeper.lost = frozenset({"a"})
    heart = Heartbeat(keeper, held, report, Rhythm(0.005))
    heart.start(asyncio.get_running_loop())
    await eventually(told.is_set)
    heart.stop()
    with pytest.raises(LeaseLost):
        lease.ensure_held()


async def test_a_job_that_is_being_settled_is_not_told_that_it_lost_its_lease() -> None:
    held = HeldLeases(10.0)
    lease = hold(held, "a")
    lease.settling = True
    assert held.lose(["a", "unknown"]) == 0
    assert not lease.lost
    lease.settling = False
    assert held.lose(["a"]) == 1
    assert lease.lost


async def test_a_job_past_its_deadline_is_not_kept_alive() -> None:
    held = HeldLeases(10.0)
    hold(held, "late", deadline_seconds=-1.0)
    hold(held, "in time")
    assert held.to_extend(time.monotonic()) == {"in time": "job of in time"}


async def test_a_hanging_loop_is_noticed_while_beats_go_on() -> None:
    held, keeper = HeldLeases(10.0), Keeper()
    noticed = threading.Event()
    heart = Heartbeat(keeper, held, report, Rhythm(0.01, hang_seconds=0.5), noticed.set)
    heart.start(asyncio.get_running_loop())
    noticed.wait(5)  # blocks the loop on purpose
    assert noticed.is_set()
    assert len(keeper.beats) > 3
    heart.stop()


async def test_leases_hold_while_the_loop_is_blocked_for_longer_than_one_lasts() -> None:
    held, keeper = HeldLeases(1.5), Keeper()
    lease = hold(held, "a")
    heart = Heartbeat(keeper, held, report, Rhythm(1.5 / 3.3))
    heart.start(asyncio.get_running_loop())
    await asyncio.sleep(0)
    time.sleep(3.0)  # noqa: ASYNC251 - what a shop's handler should not do
    lease.ensure_held()
    assert lease.fence == LATER
    assert len(keeper.beats) > 3
    assert heart.failures == 0
    heart.stop()


def test_a_lease_that_was_not_renewed_is_not_held() -> None:
    held = HeldLeases(0.0)
    with pytest.raises(LeaseLost):
        hold(held, "a").ensure_held()


async def test_a_part_that_no_longer_turns_ends_the_process_after_a_while() -> None:
    now, noticed = [0.0], threading.Event()
    signs = LifeSigns(lambda: now[0])
    signs.part("receive orders")
    rhythm = Rhythm(0.01, hang_seconds=60.0)
    heart = Heartbeat(Keeper(), HeldLeases(10.0), report, rhythm, noticed.set, signs)
    heart.start(asyncio.get_running_loop())
    now[0] = SILENT_SECONDS + 59.0
    await asyncio.sleep(0.05)
    assert "receive orders" in signs.stuck()
    assert not noticed.is_set(), "it was not given the time in which /healthz tells of it"
    now[0] = SILENT_SECONDS + 61.0
    await eventually(noticed.is_set)
    heart.stop()


async def test_a_beat_that_mongodb_acknowledges_is_a_write() -> None:
    now, keeper = [0.0], Keeper()
    signs = LifeSigns(lambda: now[0])
    heart = Heartbeat(keeper, HeldLeases(10.0), report, Rhythm(0.01), signs=signs)
    heart.start(asyncio.get_running_loop())
    keeper.broken = True
    failed = heart.failures
    await eventually(lambda: heart.failures > failed + 1)
    now[0] = 30.0
    failed = heart.failures
    await eventually(lambda: heart.failures > failed + 1)
    assert signs.seconds_since_write() == 30.0
    keeper.broken = False
    await eventually(lambda: signs.seconds_since_write() == 0.0)
    heart.stop()
