"""Three orchestrators on one database, and whoever leads is hurt: another leads, never two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.faults.leaders import (
    Blow,
    assert_one_engine_at_a_time,
    engine_writes,
    note_engine_writes,
    strike_leader,
)
from tests.faults.linked import MONGO, linked_stack
from tests.faults.links import ENVIRON, SLOW
from tests.faults.proxy import PASSING, Condition
from tests.faults.recovery import Recovery, table

RECOVERY_SECONDS = 15.0
ROUNDS = 3
SEED = 41
QUANTITY = 45_000
COUNTS = {"orchestrator": 3, "generator": 1, "worker": 2}
GENERATORS_WAY = {("generator", MONGO): Condition(delay_seconds=0.08)}


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_of_three_orchestrators_another_leads_whatever_happens_to_the_leader(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    mode = tmp_path / "mode.json"
    handlers.switch(mode, seconds=SLOW)
    environ = ENVIRON | {handlers.VARIABLE: str(mode)}
    with linked_stack(tmp_path, environ, COUNTS, GENERATORS_WAY) as field:
        note_engine_writes(field)
        run_id = field.stack.start(QUANTITY, seed=SEED)
        drawn = Random(SEED)
        blows = [blow for _ in range(ROUNDS) for blow in drawn.sample(list(Blow), len(Blow))]
        found: list[Recovery] = [strike_leader(field, blow) for blow in blows]
        assert field.stack.phase() != "DONE", "the run was too short for this test"
        handlers.switch(mode)
        field.of("generator")[0].become(PASSING)
        field.stack.await_phase("DONE", seconds=120)
        field.stack.assert_audited(run_id)
        seen = assert_one_engine_at_a_time(engine_writes(field))
        text = f"{table('leaders of three orchestrators', found, '1')}\n  {seen}"
        assert max(one.seconds for one in found) <= RECOVERY_SECONDS, text
        record_property(COUNTED, text)
        field.assert_stop_cleanly()
