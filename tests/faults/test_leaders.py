"""Three orchestrators on one database, and whoever leads is hurt: another leads, never two."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

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
from tests.faults.linked import MONGO, LinkedStack, linked_stack
from tests.faults.links import ENVIRON, SLOW, ended
from tests.faults.proxy import PASSING, Condition
from tests.faults.recovery import Recovery, table

log = logging.getLogger(__name__)
RECOVERY_SECONDS = 15.0
ROUNDS = 2
SEED = 41
QUANTITY = 45_000
JOBS_BETWEEN = 20
COUNTS = {"orchestrator": 3, "generator": 1, "worker": 2}
GENERATORS_WAY = {("generator", MONGO): Condition(delay_seconds=0.08)}


def strike_all(field: LinkedStack, drawn: Random) -> Iterator[Recovery]:
    """Every blow in a drawn order, with work between them."""
    for blow in drawn.sample(list(Blow), len(Blow)):
        since = ended(field)
        until(lambda: ended(field) > since + JOBS_BETWEEN)  # noqa: B023 - awaited here
        recovery = strike_leader(field, blow)
        log.warning("%s in %s: %.1f s", blow, field.stack.phase(), recovery.seconds)
        yield recovery


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_of_three_orchestrators_another_leads_whatever_happens_to_the_leader(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    mode = tmp_path / "mode.json"
    handlers.switch(mode, seconds=SLOW)
    environ, drawn = ENVIRON | {handlers.VARIABLE: str(mode)}, Random(SEED)
    with linked_stack(tmp_path, environ, COUNTS, GENERATORS_WAY) as field:
        note_engine_writes(field)
        run_id = field.stack.start(QUANTITY, seed=SEED)
        found = list(strike_all(field, drawn))
        field.of("generator")[0].become(PASSING)
        handlers.switch(mode)
        field.stack.await_phase("ENQUEUE_NORMAL", seconds=120)
        handlers.switch(mode, seconds=SLOW)
        found += [one for _ in range(ROUNDS - 1) for one in strike_all(field, drawn)]
        assert field.stack.phase() != "DONE", "the run was too short for this test"
        handlers.switch(mode)
        field.stack.await_phase("DONE", seconds=120)
        field.stack.assert_audited(run_id)
        seen = assert_one_engine_at_a_time(engine_writes(field))
        text = f"{table('leaders of three orchestrators', found, '1 of 1')}\n  {seen}"
        assert max(one.seconds for one in found) <= RECOVERY_SECONDS, text
        record_property(COUNTED, text)
        field.assert_stop_cleanly()
