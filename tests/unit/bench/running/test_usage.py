"""CPU seconds go to the stage in which they were used."""

from __future__ import annotations

import os

from bench.running.usage import Sample, UsageRecorder, cpu_by_stage, others_percent


def sample(at: float, stage: str, **cpu_seconds: float) -> Sample:
    return Sample(at, stage, cpu_seconds, {})


def test_what_is_used_between_two_samples_belongs_to_the_earlier_ones_stage() -> None:
    found = cpu_by_stage(
        [
            sample(0.0, "generate", worker=1.0, mongod=5.0),
            sample(0.2, "generate", worker=1.1, mongod=5.3),
            sample(0.3, "vip", worker=1.2, mongod=5.4),
            sample(0.5, "end", worker=1.5, mongod=6.0),
        ]
    )

    assert found == {
        "generate": {"worker": 0.2, "mongod": 0.4},
        "vip": {"worker": 0.3, "mongod": 0.6},
    }


def test_a_process_that_is_gone_counts_until_it_was_seen_last() -> None:
    found = cpu_by_stage(
        [
            sample(0.0, "vip", worker=1.0),
            sample(0.2, "vip", worker=1.5),
            sample(0.4, "vip"),
            sample(0.6, "end"),
        ]
    )

    assert found == {"vip": {"worker": 0.5}}


def test_a_new_stage_is_looked_at_at_once_and_the_same_one_only_now_and_then() -> None:
    recorder = UsageRecorder({"me": os.getpid()})

    for stage in ("generate", "generate", "vip", "vip", "end"):
        recorder.note(stage)

    assert [one.stage for one in recorder.samples()] == ["generate", "vip", "end"]
    assert recorder.samples()[0].at_seconds == 0.0
    assert all(one.resident_mib["me"] > 0 for one in recorder.samples())


def test_what_the_machine_was_busy_with_beyond_our_processes_is_of_others() -> None:
    samples = [
        Sample(0.0, "generate", {"worker": 1.0}, {}, 100.0),
        Sample(10.0, "end", {"worker": 9.0}, {}, 113.0),
    ]

    assert others_percent(samples, cores=2) == 25.0
    assert others_percent(samples[:1], cores=2) is None
