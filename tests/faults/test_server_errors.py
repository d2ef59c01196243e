"""A stack whose MongoDB answers with errors of its own: nothing lost, no attempt used, DONE."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import Stack, running_stack, until
from tests.faults.mongod import Mongod
from tests.faults.recovery import running_jobs, settled
from tests.faults.replica_set import ReplicaSet
from tests.faults.server_errors import (
    ALL,
    LONG,
    NOT_PRIMARY,
    SHORT,
    ServerError,
    failing,
    refused,
)

RECOVERY_SECONDS = 15.0
QUANTITY = 6_000
SLOW_SECONDS = 0.3
ENVIRON = {
    **handlers.SLOWED,
    "GENERATION_CHUNK_SIZE": "100",
}


@dataclass
class Shop:
    """A stack with a slow handler, and what gives the node to be hurt."""

    stack: Stack
    mode: Path
    node: Callable[[], Mongod]

    def hurt(self, error: ServerError, seconds: float) -> float:
        """One run that meets the error for so long and ends well; seconds until it was over it."""
        handlers.switch(self.mode, seconds=SLOW_SECONDS)
        run_id = self.stack.start(QUANTITY, seed=31)
        until(lambda: running_jobs(self.stack, queue="orders"))
        with failing(self.node(), error):
            ends_at = time.monotonic() + seconds
            until(lambda: time.monotonic() > ends_at, seconds + 5)
        recovered = self._recovered()
        assert self.stack.phase() != "DONE", "the run was too short for this test"
        handlers.switch(self.mode)
        self.stack.await_phase("DONE", seconds=90)
        self.stack.assert_audited(run_id)
        self._assert_no_attempt_used()
        return recovered

    def _recovered(self) -> float:
        """Seconds until all that was in the error's way is done, and more than that."""
        over_at = time.monotonic()
        jobs = self.stack.database.jobs
        held = until(lambda: (_begun(self.stack),), 10)[0]
        done = until(lambda: (jobs.count_documents({"status": "succeeded"}),), 10)[0]

        def all_done() -> bool:
            more = jobs.count_documents({"status": "succeeded"}) > max(done, len(held))
            return more and settled(self.stack, held)

        until(all_done, 60)
        return time.monotonic() - over_at

    def _assert_no_attempt_used(self) -> None:
        database = self.stack.database
        assert database.orders.count_documents({"status": "processado"}) == QUANTITY
        assert database.orders.count_documents({"attempts": {"$ne": 1}}) == 0
        assert database.jobs.count_documents({"attempts": {"$gt": 0}}) == 0
        assert database.jobs.count_documents({"status": "failed"}) == 0
        self.stack.reset()


def _begun(stack: Stack) -> list[str]:
    """The jobs that run, or wait for their next try."""
    retrying = stack.database.jobs.find({"status": "retrying"}, {"_id": 1})
    return [*running_jobs(stack), *(job["_id"] for job in retrying)]


def hurt_by_each(shop: Shop, errors: Sequence[ServerError], seconds: float) -> str:
    """A run for each error; the table of it."""
    found: dict[str, float] = {}
    for error in errors:
        try:
            found[error.name] = shop.hurt(error, seconds)
        except AssertionError as wrong:
            raise AssertionError(f"{error.name}: {wrong}; before that: {found}") from wrong
    late = {name: took for name, took in found.items() if took > RECOVERY_SECONDS}
    assert not late, found
    audits = f"{len(found)} of {len(found)}"
    lines = [f"errors of MongoDB itself, {seconds:g} s each; audits passed: {audits}"]
    lines += [f"  {'error':<36}{'recovery s':>11}"]
    return "\n".join([*lines, *(f"  {name:<36}{took:>11.1f}" for name, took in found.items())])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A stack on a lone mongod."""
    mode = tmp_path / "mode.json"
    handlers.switch(mode)
    environ = {**ENVIRON, handlers.VARIABLE: str(mode)}
    with Mongod(tmp_path / "mongod", fallible=True) as node:
        options = ("--mongo-uri", f"mongodb://{node.address}")
        with running_stack(tmp_path / "stack", environ, options=options) as stack:
            yield Shop(stack, mode, lambda: node)


@pytest.fixture
def replicated(tmp_path: Path) -> Iterator[Shop]:
    """A stack on three nodes, of which the primary is hurt."""
    mode = tmp_path / "mode.json"
    handlers.switch(mode)
    environ = {**ENVIRON, handlers.VARIABLE: str(mode)}
    with ReplicaSet(tmp_path / "replica_set", fallible=True) as replica_set:
        options = ("--mongo-uri", replica_set.uri)
        with running_stack(tmp_path / "stack", environ, options=options) as stack:
            yield Shop(stack, mode, replica_set.primary)


@pytest.mark.timeout(180)
def test_an_error_of_the_server_costs_no_attempt(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, hurt_by_each(shop, SHORT, seconds=3.0))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_no_error_of_the_server_costs_an_attempt(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, hurt_by_each(shop, LONG, seconds=15.0))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
def test_a_primary_that_refuses_everything_costs_no_attempt(
    replicated: Shop, record_property: Callable[[str, object], None]
) -> None:
    error = ServerError("not the primary any more", ALL, refused(NOT_PRIMARY))
    record_property(COUNTED, hurt_by_each(replicated, [error], seconds=15.0))
