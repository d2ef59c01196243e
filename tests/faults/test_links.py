"""Each link of each service in trouble during live runs: the work goes on, and adds up."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.faults.linked import MONGO, REDIS, STORES, LinkedStack, linked_stack
from tests.faults.links import ENVIRON, SLOW, LinkFault, Outcome, Trouble, strike
from tests.faults.proxy import PASSING, Condition
from tests.faults.recovery import table

log = logging.getLogger(__name__)
RECOVERY_SECONDS = 15.0
COUNTS = {"orchestrator": 2, "generator": 2, "worker": 2}
# so that a generator is at work for as long as a run is hurt
GENERATORS_WAY = {("generator", MONGO): Condition(delay_seconds=0.08)}


class Links:
    """Plays rounds of faults over runs, each audited."""

    def __init__(self, field: LinkedStack, mode: Path, quantity: int) -> None:
        self.field, self._mode, self._quantity = field, mode, quantity
        self.seen: list[Outcome] = []
        self.audited = 0

    def play(self, rounds: Sequence[Sequence[LinkFault]], seed: int) -> None:
        """One run, hurt by each round in turn; what is in a round happens at once."""
        handlers.switch(self._mode, seconds=SLOW)
        run_id = self.field.stack.start(self._quantity, seed=seed)
        for faults in rounds:
            self._strike(faults)
        assert self.field.stack.phase() != "DONE", "the run was too short for this test"
        self._end(run_id)

    def _strike(self, faults: Sequence[LinkFault]) -> None:
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

    def _end(self, run_id: str) -> None:
        handlers.switch(self._mode)
        for part in self.field.of("generator"):
            part.become(PASSING)
        self.field.stack.await_phase("DONE", seconds=90)
        self.field.stack.assert_audited(run_id)
        for part in self.field.of("generator"):
            part.heal()
        self.audited += 1

    def assert_recovered(self, title: str) -> str:
        """That every fault was mended in time, and others went on meanwhile; the table."""
        text = table(title, [one.recovery for one in self.seen], f"{self.audited}")
        least = min(one.meanwhile for one in self.seen)
        text += f"\n  at least {least} jobs came to their end during each fault"
        late = [one for one in self.seen if one.recovery.seconds > RECOVERY_SECONDS]
        stood = [one for one in self.seen if not one.meanwhile]
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
    first = [
        LinkFault("worker", MONGO, Trouble.SWALLOW),
        LinkFault("generator", MONGO, Trouble.TEAR),
    ]
    with links(tmp_path, 12_000) as played:
        played.play([first, [LinkFault("orchestrator", REDIS, Trouble.SWALLOW)]], seed=31)
        record_property(COUNTED, played.assert_recovered("links, short form"))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(1_200)
def test_runs_outlive_every_trouble_on_every_link(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with links(tmp_path, 20_000) as played:
        for number, trouble in enumerate(Trouble):
            rounds = [one for store in STORES for one in rounds_of(store, trouble)]
            played.play(rounds, seed=32 + number)
        record_property(COUNTED, played.assert_recovered("links"))
