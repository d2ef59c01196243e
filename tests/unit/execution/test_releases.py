"""A worker of one release beside jobs of another: older ones it takes, newer ones it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from pedidos_common.domain.jobs import Job, JobStatus, Outcome, Succeeded
from pedidos_common.execution.refusals import (
    LONGEST_PAUSE_SECONDS,
    SHORTEST_PAUSE_SECONDS,
    TELL_EVERY_SECONDS,
    Refusals,
)
from pedidos_common.execution.registry import JobContext
from pedidos_common.testing.eventually import eventually
from tests.unit.execution.test_executor import Bench, well


def with_size(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**payload, "size": payload["last"] - payload["first"] + 1}


async def sized(job: Job, _context: JobContext) -> Outcome:
    return Succeeded({"processed": job.payload["size"], "version": job.payload_version})


async def test_an_older_payload_is_run_in_the_present_form() -> None:
    bench = Bench(sized, upgrades=(with_size,))
    await bench.create(payload_version=1)
    assert (await bench.run_once()).result == {"processed": 2, "version": 2}


@pytest.mark.parametrize(
    ("function", "version"), [("work", 2), ("of_the_next_release", 1)], ids=["version", "function"]
)
async def test_what_is_not_understood_is_handed_back_and_counts_nothing(
    function: str, version: int
) -> None:
    bench = Bench(well)
    await bench.create(function, payload_version=version)
    job = await bench.run_once()
    assert (job.status, job.attempts, job.lost, job.lease) == (JobStatus.RETRYING, 0, 0, None)
    assert job.refused_since == bench.clock()
    assert job.due_at is not None
    assert 0.25 <= (job.due_at - bench.clock()).total_seconds() <= 0.5
    assert f"{function} (payload version {version})" in str(job.error)


async def test_it_does_not_spin_and_is_never_given_up() -> None:
    bench = Bench(well)
    await bench.create(payload_version=2, max_deliveries=1)
    refused_at = bench.clock()
    for _ in range(50):
        job = await bench.run_once()
        assert job.status is JobStatus.RETRYING
        assert job.due_at is not None
        bench.clock.advance((job.due_at - bench.clock()).total_seconds())
        await bench.ledger.release_due(10)
    assert (bench.clock() - refused_at).total_seconds() > 60
    assert (await bench.job()).refused_since == refused_at


async def test_a_suspect_of_a_newer_release_is_not_given_up_here() -> None:
    bench = Bench(well)
    await bench.create(payload_version=2, max_deliveries=0)
    job = await bench.run_once()
    assert (job.status, job.probes) == (JobStatus.RETRYING, 0)


async def test_whoever_understands_it_takes_it_and_its_mark_is_gone() -> None:
    bench = Bench(well)
    await bench.create(payload_version=2)
    await bench.run_once()
    bench.clock.advance(1)
    await bench.ledger.release_due(10)
    newer = Bench(well, upgrades=(with_size,))
    newer.executor._asking._ledger = newer.ledger = bench.ledger
    await newer.run_once()
    job = await bench.job()
    assert (job.status, job.refused_since, job.attempts) == (JobStatus.SUCCEEDED, None, 0)


async def test_one_line_a_minute_says_what_to_do() -> None:
    bench, now = Bench(well), [0.0]
    await bench.create(payload_version=2)
    job = await bench.job()
    refusals = Refusals(lambda: now[0])
    with capture_logs() as lines:
        for now[0] in (0.0, 1.0, TELL_EVERY_SECONDS + 1):
            refusals.hand_back(job, None)
    assert [line["event"] for line in lines] == ["job_not_understood"] * 2
    assert (lines[0]["function"], lines[0]["payload_version"]) == ("work", 2)
    assert "roll this process on" in lines[0]["action"]


async def test_who_hands_back_lets_others_go_first_then_takes_one_to_see() -> None:
    bench, now = Bench(well), [0.0]
    await bench.create(payload_version=2)
    job = await bench.job()
    refusals = Refusals(lambda: now[0])
    assert refusals.room(25) == 25
    refusals.hand_back(job, None)
    assert refusals.room(25) == 0
    now[0] += SHORTEST_PAUSE_SECONDS
    assert (refusals.room(25), refusals.room(0)) == (1, 0)
    for _ in range(50):
        refusals.hand_back(job, None)
    now[0] += LONGEST_PAUSE_SECONDS / 2
    assert refusals.room(25) == 0
    now[0] += LONGEST_PAUSE_SECONDS / 2
    assert refusals.room(25) == 1
    refusals.understood()
    assert refusals.room(25) == 25


async def test_an_executor_that_hands_back_offers_no_slot_for_a_moment() -> None:
    bench = Bench(well)
    await bench.create(payload_version=2)
    assert bench.executor.free_slots() == 2
    await bench.run_once()
    assert bench.executor.free_slots() == 0
    await eventually(lambda: bench.executor.free_slots() == 1)
