"""A storm of faults over live runs: each run ends DONE and adds up, each fault is soon mended.

`SEED=n make faults` plays the storm of that seed again.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import ENDED, assert_stops_cleanly, running_stack, until
from tests.faults.recovery import Recovery, Wound, await_healed, recoveries, running_jobs, table
from tests.faults.storm import (
    ACTS,
    GENERATORS,
    KILLS,
    PHASES,
    WORKERS,
    Event,
    Round,
    plan,
    short_plan,
)
from tests.faults.strikes import Field, strike
from tests.faults.twin import Twin
from tests.own_redis import OwnRedis

log = logging.getLogger(__name__)
RECOVERY_SECONDS = 15.0
QUANTITY = 100_000
SEEDS = [int(seed) for seed in os.environ.get("SEED", "1,2,3").split(",")]
LEAST_KILLS = int(os.environ.get("KILLS", "100"))
SLOW = 0.15
ENVIRON = {
    **handlers.SLOWED,
    "GENERATION_CHUNK_SIZE": "250",
    # all that is rung together is worked off within a few seconds
    "NORMAL_ENQUEUE_BATCH_SIZE": "200",
    "GENERATION_CONCURRENCY": "1",
}


class Storm:
    """Plays rounds over one run after the other, each long enough to be hurt in every phase."""

    def __init__(self, field: Field, mode: Path, quantity: int) -> None:
        self.field, self.stack = field, field.stack
        self._mode, self._quantity = mode, quantity
        self._run_id = ""
        self.recovered: list[Recovery] = []
        self.audited = 0

    def play(self, rounds: Sequence[Round], seed: int) -> None:
        """Each round in turn; the last run is let end, and audited as those before."""
        for number, one in enumerate(rounds):
            if one.phase == PHASES[0] or self._phase() in ENDED:
                self._end_run()
                self._run_id = self.stack.start(self._quantity, seed=seed + number)
            self._reach(one.phase)
            log.warning("round %d of %d, in %s", number + 1, len(rounds), self._phase())
            self._strike(one)
        self._end_run()

    def _phase(self) -> str:
        def read() -> str:
            run = self.stack.database.process_runs.find_one({"_id": self._run_id}, {"phase": 1})
            return str(run["phase"]) if run else ""

        return until(read, 60)

    def _reach(self, phase: str) -> None:
        """Let the run get so far; it hurries past VIP orders where they are not what is meant."""
        hurry = phase == "ENQUEUE_NORMAL" and self._is_before(phase)
        handlers.switch(self._mode, seconds=0.0 if hurry else SLOW)
        until(lambda: not self._is_before(phase), 120)
        handlers.switch(self._mode, seconds=SLOW)
        until(lambda: running_jobs(self.stack, queue="orders"), 60)

    def _is_before(self, phase: str) -> bool:
        return PHASES.index(self._phase()) < PHASES.index(phase)

    def _strike(self, round_: Round) -> None:
        with ThreadPoolExecutor(len(round_.events)) as pool:
            healed = list(pool.map(self._strike_and_heal, round_.events))
        found = recoveries(healed)
        for one in found:
            log.warning("  %s: %.1f s, %d jobs", one.event.name, one.seconds, one.jobs)
        self.recovered += found
        self.stack.await_ready()
        self.field.twin.await_ready()

    def _strike_and_heal(self, event: Event) -> tuple[Wound, float]:
        wound = strike(self.field, event)
        healed_at = await_healed(self.stack, wound)
        wound.await_end()
        return wound, healed_at

    def _end_run(self) -> None:
        if not self._run_id:
            return
        handlers.switch(self._mode)
        self.stack.await_phase("DONE", seconds=240)
        self.stack.assert_audited(self._run_id)
        run = self.stack.get(f"/pedidos/runs/{self._run_id}")
        assert run["totalProcessedVIP"] + run["totalProcessedNormal"] == self._quantity
        self.audited += 1

    def assert_recovered(self, title: str) -> str:
        """That every fault was mended in time; the table."""
        audits = f"{self.audited} of {self.audited}"
        text = table(title, self.recovered, audits)
        late = [one for one in self.recovered if one.seconds > RECOVERY_SECONDS]
        assert not late, f"{late}\n{text}"
        return text


@contextlib.contextmanager
def storm(folder: Path, quantity: int) -> Iterator[Storm]:
    """A stack of its own to be hurt; it stops cleanly at the end."""
    mode = folder / "mode.json"
    handlers.switch(mode, seconds=SLOW)
    environ = ENVIRON | {handlers.VARIABLE: str(mode)}
    with OwnRedis() as redis:
        options = ["--redis-url", redis.url]
        with running_stack(folder / "stack", environ, GENERATORS, WORKERS, options) as stack:
            with Twin(stack, environ) as twin:
                twin.await_ready()
                yield Storm(Field(stack, redis, twin), mode, quantity)
            assert_stops_cleanly(stack)


@pytest.mark.timeout(240)
def test_each_kind_of_fault_is_mended(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with storm(tmp_path, 24_000) as played:
        played.play(short_plan(), seed=1)
        record_property(COUNTED, played.assert_recovered("storm, short form"))


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(2_400)
@pytest.mark.parametrize("seed", SEEDS)
def test_storm(seed: int, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    rounds = plan(seed, LEAST_KILLS)
    kills = sum(event.act in KILLS for one in rounds for event in one.events)
    with storm(tmp_path, QUANTITY) as played:
        played.play(rounds, seed)
        title = f"storm, SEED={seed}: {len(rounds)} rounds, {kills} kills"
        record_property(COUNTED, played.assert_recovered(title))


def test_a_seed_decides_the_plan() -> None:
    assert plan(5, 100) == plan(5, 100) != plan(6, 100)


@pytest.mark.parametrize("seed", range(1, 21))
def test_plan_has_its_kills_and_hurts_every_role(seed: int) -> None:
    events = [event for one in plan(seed, 100) for event in one.events]
    killed = [event.role for event in events if event.act in KILLS]
    assert len(killed) >= 100
    assert set(killed) == set(ACTS)
    assert {event.name for event in events} == {
        f"{role} {act}" for role, acts in ACTS.items() for act in acts
    }


@pytest.mark.parametrize("seed", range(1, 21))
def test_plan_leaves_a_worker_and_often_hurts_leader_and_worker_together(seed: int) -> None:
    rounds = [[event.role for event in one.events] for one in plan(seed, 100)]
    assert all(roles.count("worker") <= WORKERS - 1 for roles in rounds)
    assert all(roles.count("orchestrator") <= 1 for roles in rounds)
    together = sum({"worker", "orchestrator"} <= set(roles) for roles in rounds)
    assert together >= len(rounds) / 3
