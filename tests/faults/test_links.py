"""Each link of each service in trouble during live runs: the work goes on, and adds up."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import until
from tests.faults.leaders import (
    Blow,
    assert_one_engine_at_a_time,
    engine_writes,
    note_engine_writes,
    strike_leader,
)
from tests.faults.linked import MONGO, REDIS, STORES, LinkedStack, linked_stack
from tests.faults.links import ENVIRON, SLOW, LinkFault, Outcome, Trouble, ended, strike
from tests.faults.proxy import PASSING, Condition, Way
from tests.faults.recovery import Recovery, running_jobs, table
from tests.faults.test_kill_nine import led_times

log = logging.getLogger(__name__)
RECOVERY_SECONDS = 15.0
SHORTEST_SECONDS = 1.0
JOBS_WHILE_SLOW = 5
COUNTS = {"orchestrator": 2, "generator": 2, "worker": 2}
# so that a generator is at work for as long as a run is hurt
GENERATORS_WAY = {("generator", MONGO): Condition(delay_seconds=0.08)}


class Links:
    """Plays rounds of faults over runs, each audited."""

    def __init__(self, field: LinkedStack, mode: Path, quantity: int) -> None:
        self.field, self._mode, self._quantity = field, mode, quantity
        self.seen: list[Outcome] = []
        self.audited = 0

    @contextlib.contextmanager
    def run(self, seed: int) -> Iterator[str]:
        """A run that is slow while the context lasts, and ends well after it; its id."""
        handlers.switch(self._mode, seconds=SLOW)
        run_id = self.field.stack.start(self._quantity, seed=seed)
        yield run_id
        assert self.field.stack.phase() != "DONE", "the run was too short for this test"
        handlers.switch(self._mode)
        for part in self.field.of("generator"):
            part.become(PASSING)
        self.field.stack.await_phase("DONE", seconds=90)
        self.field.stack.assert_audited(run_id)
        for part in self.field.of("generator"):
            part.heal()
        self.audited += 1

    def strike(self, faults: Sequence[LinkFault]) -> None:
        """Let these happen at once."""
        with ThreadPoolExecutor(len(faults)) as pool:
            found = list(pool.map(lambda fault: strike(self.field, fault), faults))
        for one in found:
            recovery = one.recovery
            log.warning(
                "%s: %.1f s, %d jobs held, %d ended meanwhile",
                *(recovery.event.name, recovery.seconds, recovery.jobs, one.meanwhile),
            )
        self.seen += found
        self.field.await_ready()

    def assert_recovered(self, title: str, more: Sequence[Recovery] = ()) -> str:
        """That every fault was mended in time, and others went on meanwhile; the table."""
        found = [*more, *(one.recovery for one in self.seen)]
        text = table(title, found, f"{self.audited} of {self.audited}")
        lasted = [one for one in self.seen if one.lasted_seconds >= SHORTEST_SECONDS]
        least = min(one.meanwhile for one in lasted)
        text += f"\n  at least {least} jobs came to their end during each fault that lasted"
        late = [one for one in found if one.seconds > RECOVERY_SECONDS]
        stood = [one for one in lasted if not one.meanwhile]
        assert not late, f"{late}\n{text}"
        assert not stood, f"nothing went on during {stood}\n{text}"
        return text


@contextlib.contextmanager
def links(folder: Path, quantity: int) -> Iterator[Links]:
    """A stack of linked processes to be hurt; each of them stops cleanly at the end."""
    mode = folder / "mode.json"
    handlers.switch(mode, seconds=SLOW)
    environ = ENVIRON | {handlers.VARIABLE: str(mode)}
    with linked_stack(folder, environ, COUNTS, GENERATORS_WAY) as field:
        yield Links(field, mode, quantity)
        field.assert_stop_cleanly()


def rounds_of(store: str, trouble: Trouble) -> list[list[LinkFault]]:
    """A worker's and a generator's link at once, as neither waits for the other; the leader's."""
    at_work = [LinkFault(role, store, trouble) for role in ("worker", "generator")]
    return [at_work, [LinkFault("orchestrator", store, trouble)]]


@pytest.mark.timeout(180)
def test_a_run_outlives_trouble_on_each_service_s_link(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """And a leader that was cut off in the middle of a write finds it refused."""
    with links(tmp_path, 12_000) as played:
        note_engine_writes(played.field)
        with played.run(seed=31):
            led = led_times(played.field.stack)
            played.strike(
                [
                    LinkFault("worker", MONGO, Trouble.SWALLOW),
                    LinkFault("generator", MONGO, Trouble.TEAR),
                    LinkFault("orchestrator", REDIS, Trouble.SWALLOW),
                ]
            )
            assert led_times(played.field.stack) > led, "who could not ring went on leading"
            late = strike_leader(played.field, Blow.LATE)
        writes = engine_writes(played.field)
        text = played.assert_recovered("links, short form", [late])
        record_property(COUNTED, f"{text}\n  {assert_one_engine_at_a_time(writes)}")
        assert not all(write.took for write in writes)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(1_200)
def test_runs_outlive_every_trouble_on_every_link(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with links(tmp_path, 20_000) as played:
        for number, trouble in enumerate(Trouble):
            with played.run(seed=32 + number):
                for faults in [one for store in STORES for one in rounds_of(store, trouble)]:
                    played.strike(faults)
        record_property(COUNTED, played.assert_recovered("links"))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(180)
def test_each_service_stops_in_time_though_its_servers_do_not_answer(tmp_path: Path) -> None:
    with links(tmp_path, 12_000) as played:
        played.field.stack.start(12_000, seed=39)
        until(lambda: running_jobs(played.field.stack, queue="orders"))
        for part in played.field.parts:
            part.become(Condition(Way.SWALLOW))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("one_way_seconds", "for_seconds"), [(0.1, 5.0), (1.0, 25.0)])
def test_a_run_goes_on_while_every_link_is_slow(
    one_way_seconds: float, for_seconds: float, tmp_path: Path
) -> None:
    with links(tmp_path, 12_000) as played, played.run(seed=38):
        field = played.field
        for part in field.parts:
            part.become(Condition(delay_seconds=one_way_seconds))
        before = ended(field)
        time.sleep(for_seconds)
        assert ended(field) >= before + JOBS_WHILE_SLOW
        for part in field.parts:
            part.heal()
