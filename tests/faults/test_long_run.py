"""A run under kills that never stop, beside the same run left alone: how much longer it takes.

Whom it hits is decided by a seed; the first of `SEED`, so that `SEED=7 make faults` plays another.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import ENDED, Stack, assert_stops_cleanly, running_stack, until
from tests.faults.barrage import ROLES, Barrage, Pace, together, victims

log = logging.getLogger(__name__)
SEED = int(os.environ.get("SEED", "1").split(",")[0])
LIMIT = 2.0
WORKERS, GENERATORS = 3, 2
UNDISTURBED_SECONDS = 600.0
HOPELESS = 5.0  # times the undisturbed run
AS_SHIPPED = {
    "GENERATION_CHUNK_SIZE": "10000",
    "ORDERS_BATCH_SIZE": "1000",
    "NORMAL_ENQUEUE_BATCH_SIZE": "10000",
    "ORDER_HANDLER_TIMEOUT_MS": "30000",
}


@dataclass(frozen=True, slots=True)
class Form:
    """How much is run, how slowly, and how often it is hurt.

    Attributes:
        call_seconds: how long the order handler takes for each batch; None is the built-in one.
        least_seconds: what the undisturbed run must take for the form to mean anything.
    """

    name: str
    quantity: int
    call_seconds: float | None
    kill_every_seconds: float
    flushes: int
    least_seconds: float = 0.0
    environ: dict[str, str] = field(default_factory=dict)

    def environment(self, mode: Path) -> dict[str, str]:
        """Of the services."""
        if self.call_seconds is None:
            return AS_SHIPPED | self.environ
        handlers.switch(mode, seconds=self.call_seconds)
        slowed = {"ORDER_HANDLER": handlers.BULK_SPEC, handlers.VARIABLE: str(mode)}
        return AS_SHIPPED | slowed | self.environ


# fifteen batches at once, each 1.9 s: at most 7,900 orders a second
SLOWED = Form(*("slowed handler", 1_000_000, 1.9, 5.0, 5, 120.0), {"ORDERS_QUEUE_CONCURRENCY": "5"})
FULL_SPEED = Form("full speed", 1_000_000, None, 1.0, 5)
SHORT = Form(
    *("slowed handler, short form", 30_000, 0.5, 2.0, 2, 8.0),
    {
        "ORDERS_QUEUE_CONCURRENCY": "2",
        "GENERATION_CHUNK_SIZE": "1000",
        "ORDERS_BATCH_SIZE": "500",
        "NORMAL_ENQUEUE_BATCH_SIZE": "3000",
    },
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the two runs took; a run is over when it is DONE and passed its audit."""

    form: Form
    undisturbed: float
    disturbed: float
    barrage: Barrage

    @property
    def allowed(self) -> float:
        """Seconds that the disturbed run may take."""
        return LIMIT * self.undisturbed + self.barrage.outage_seconds

    def table(self) -> str:
        """Seconds, the ratio without the outages, kills by role, how often Redis was emptied."""
        away = self.barrage.outage_seconds
        killed = [f"{role} {self.barrage.killed[role]}" for role in ROLES]
        title = f"long run, {self.form.name}: {self.form.quantity:,} orders, SEED={SEED}"
        rows = {
            "undisturbed s": f"{self.undisturbed:.1f}",
            "disturbed s": f"{self.disturbed:.1f}",
            "MongoDB or Redis away s": f"{away:.1f}",
            f"ratio without these, at most {LIMIT}": f"{self.ratio:.2f}",
            f"killed, every {self.form.kill_every_seconds:.0f} s": ", ".join(killed),
            "Redis emptied": f"{self.barrage.flushes} times",
            "audits passed": "2 of 2",
        }
        return "\n".join([title, *(f"  {name:<34}{value}" for name, value in rows.items())])

    @property
    def ratio(self) -> float:
        """How much longer it took, the time without a server left out."""
        return (self.disturbed - self.barrage.outage_seconds) / self.undisturbed


def timed_run(
    stack: Stack, form: Form, longest_seconds: float, barrage: Barrage | None = None
) -> float:
    """Take its orders through and audit them; seconds from before the start until DONE."""
    started = time.monotonic()
    run_id = stack.start(form.quantity, seed=SEED)
    with barrage or contextlib.nullcontext():
        await_done(stack, run_id, longest_seconds)
        seconds = time.monotonic() - started
    stack.await_ready()
    stack.assert_audited(run_id)
    done = {"status": "processado"}
    assert stack.database.orders.count_documents(done) == form.quantity
    return seconds


def await_done(stack: Stack, run_id: str, longest_seconds: float) -> None:
    """Asks MongoDB, as the API may be away."""

    def ended() -> bool:
        run = stack.database.process_runs.find_one({"_id": run_id}, {"phase": 1, "error": 1})
        assert run is None or run["phase"] not in ENDED - {"DONE"}, run
        return run is not None and run["phase"] == "DONE"

    until(ended, longest_seconds, 0.1)


def hurt(form: Form, folder: Path) -> Outcome:
    """The same run twice on one stack: left alone, then under kills."""
    with running_stack(
        folder / "stack", form.environment(folder / "mode.json"), GENERATORS, WORKERS
    ) as stack:
        undisturbed = timed_run(stack, form, UNDISTURBED_SECONDS)
        log.warning("undisturbed: %.1f s", undisturbed)
        stack.reset()
        # else a mongod that is killed early reads the first run's journal again
        stack.database.client.admin.command("fsync")
        flush_at = [undisturbed * (n + 0.5) / form.flushes for n in range(form.flushes)]
        barrage = Barrage(stack, Pace(form.kill_every_seconds, flush_at), SEED)
        disturbed = timed_run(stack, form, HOPELESS * undisturbed + 60.0, barrage)
        assert_stops_cleanly(stack)
    return Outcome(form, undisturbed, disturbed, barrage)


def assert_in_time(outcome: Outcome) -> str:
    """The table, where all that the form is about has happened and the run was in time."""
    text = outcome.table()
    assert outcome.undisturbed >= outcome.form.least_seconds, f"too short a run\n{text}"
    assert set(outcome.barrage.killed) == set(ROLES), f"not every role was killed\n{text}"
    assert outcome.barrage.flushes == outcome.form.flushes, text
    assert outcome.disturbed <= outcome.allowed, text
    return text


@pytest.mark.timeout(180)
def test_a_run_under_kills_takes_at_most_twice_as_long(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, assert_in_time(hurt(SHORT, tmp_path)))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("form", [SLOWED, FULL_SPEED], ids=lambda form: form.name)
def test_a_million_orders_under_kills_take_at_most_twice_as_long(
    form: Form, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, assert_in_time(hurt(form, tmp_path)))


# --- how it is measured


def test_outages_that_overlap_count_once() -> None:
    assert together([(5.0, 7.0), (1.0, 3.0), (2.0, 4.0), (2.5, 2.75)]) == 5.0
    assert together([]) == 0.0


def test_every_role_is_hit_once_in_five_and_a_seed_decides_the_sequence() -> None:
    first, same, other = (list(islice(victims(seed), 50)) for seed in (1, 1, 2))
    assert first == same != other
    assert all(set(first[n : n + 5]) == set(ROLES) for n in range(0, 50, 5))
