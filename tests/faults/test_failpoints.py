"""`kill -9` right before and right after each kind of write, in live service processes."""

from __future__ import annotations

import ast
import contextlib
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import assert_stops_cleanly, running_stack
from tests.faults.armed import Armed, Failpoints
from tests.faults.cases import CASES, Case
from tests.faults.hooks.failpoints import AFTER, BEFORE, FREEZE, KILL, TELL
from tests.faults.hooks.points import ADAPTERS, BEYOND_RUNS, READING, WRITING, Point, all_points
from tests.faults.hurting import Hurting
from tests.faults.provoking import a_run, a_slow_run
from tests.faults.twin import Twin

WRITES = frozenset(
    {
        *("insert_many", "insert_one", "insert_absent", "update_one", "update_many", "bulk_write"),
        *("find_one_and_update", "delete_one", "delete_many", "drop", "zadd", "psetex", "zpopmin"),
        *("xadd", "delete", "unlink"),
    }
)
log = logging.getLogger(__name__)
RETENTION = {"ORDERS_RETENTION_DAYS": "1"}
ENVIRON = {
    **handlers.SLOWED,
    "GENERATION_CHUNK_SIZE": "250",
    "GENERATION_CONCURRENCY": "1",
    "NORMAL_ENQUEUE_BATCH_SIZE": "500",
}
# so high that nothing waits: each job of a run asks whether it may begin
RATE = '[queues.orders]\nrate = "10000/1s"\n'


@contextlib.contextmanager
def hurting(
    folder: Path, quantity: int, more: Mapping[str, str] = {}, *, with_twin: bool = False
) -> Iterator[Hurting]:
    """A stack whose services have failpoints; it stops cleanly at the end.

    With a twin there is a second orchestrator, to lead while the other one is frozen, and a second
    generator.
    """
    mode = folder / "mode.json"
    handlers.switch(mode)
    failpoints = Failpoints(folder / "failpoints")
    queues = folder / "queues.toml"
    queues.write_text(RATE, encoding="utf-8")
    own = {handlers.VARIABLE: str(mode), "QUEUES_FILE": str(queues)}
    environ = failpoints.environ({**ENVIRON, **more, **own})
    with running_stack(folder / "stack", environ, 1 + with_twin, workers=3) as stack:
        with Twin(stack, environ) if with_twin else contextlib.nullcontext() as twin:
            yield Hurting(stack, failpoints, mode, quantity, twin)
        assert_stops_cleanly(stack)


# --- the list


@pytest.mark.parametrize("port", ADAPTERS, ids=lambda port: port.__name__)
def test_every_method_of_a_port_is_a_failpoint_or_only_reads(port: type) -> None:
    adapter = ADAPTERS[port]
    listed = [*WRITING.get(adapter, ()), *READING.get(adapter, ())]
    assert sorted(listed) == sorted(name for name in vars(port) if not name.startswith("_"))


@pytest.mark.parametrize("adapter", READING, ids=lambda adapter: adapter.__name__)
def test_what_is_said_to_read_only_calls_no_write(adapter: type) -> None:
    (tree,) = ast.parse(inspect.getsource(adapter)).body
    for method in ast.walk(tree):
        if isinstance(method, ast.AsyncFunctionDef) and method.name in READING[adapter]:
            calls = {n.attr for n in ast.walk(method) if isinstance(n, ast.Attribute)}
            names = {n.id for n in ast.walk(method) if isinstance(n, ast.Name)}
            assert not WRITES & (calls | names), f"{adapter.__name__}.{method.name}"


def test_each_failpoint_is_provoked() -> None:
    provoked = {point for case in CASES for point in case.points}
    beyond = {Point(owner.__name__, name) for owner in BEYOND_RUNS for name in BEYOND_RUNS[owner]}
    assert provoked | beyond == set(all_points())
    assert not provoked & beyond


def test_each_failpoint_is_a_method_of_its_adapter() -> None:
    for owner, methods in WRITING.items():
        assert [name for name in methods if not callable(getattr(owner, name, None))] == []


# --- live


def worker(method: str, moment: str, outcome: str = "") -> Armed:
    owner = "MongoOrderStore" if method.startswith("mark") else "MongoJobLedger"
    return Armed(Point(owner, method, outcome), moment, "worker")


def orchestrator(owner: str, method: str, moment: str) -> Armed:
    return Armed(Point(owner, method), moment, "orchestrator")


@pytest.mark.timeout(180)
def test_a_process_killed_at_its_most_dangerous_writes_is_stood_in_for(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with hurting(tmp_path, 3_000) as hurt:
        hurt.hurt(
            a_slow_run,
            worker("claim", AFTER),
            worker("settle", BEFORE, "Succeeded"),
            worker("settle", AFTER, "Succeeded"),
            worker("mark_processed", AFTER),
            Armed(Point("MongoOrderStore", "insert_chunk"), AFTER, "generator"),
        )
        hurt.hurt(a_run, orchestrator("MongoJobLedger", "create", AFTER))
        hurt.hurt(a_run, orchestrator("ArqTransport", "ring", BEFORE))
        hurt.hurt(a_run, orchestrator("MongoRunStore", "move", AFTER))
        hurt.end()
        record_property(COUNTED, hurt.assert_recovered("failpoints, short form"))


# of three workers one stays to take over from those that are frozen; the killed are restarted
AT_ONCE = {KILL: 3, TELL: 3, FREEZE: 2}
ROLES = [("generator", "worker"), ("orchestrator",)]
KEEPERS_OF_WORK = frozenset({"MongoJobLedger", "MongoOrderStore"})


def play(hurt: Hurting, cases: Sequence[Case], effect: str = KILL) -> None:
    """Each failpoint of the cases, before and after the call; some of them at once.

    What goes wrong at one does not keep the others from being looked at.
    """
    wrong: list[str] = []
    for case in cases:
        size = AT_ONCE[effect] if case.together else 1
        for moment in (BEFORE, AFTER):
            for start in range(0, len(case.points), size):
                points = case.points[start : start + size]
                log.warning("%s %s %s", effect, moment, ", ".join(map(str, points)))
                those = [Armed(point, moment, case.role, effect) for point in points]
                try:
                    hurt.hurt(case.provoke, *those)
                    seconds = [round(took, 1) for _one, took in hurt.recovered[-len(those) :]]
                    log.warning("  mended after %s s", seconds)
                except AssertionError as failed:
                    log.exception("%s %s", effect, moment)
                    wrong.append(str(failed)[:500])
                    hurt.tidy()
    hurt.end()
    assert not wrong, "\n".join(wrong)


def of_roles(*roles: str) -> list[Case]:
    return [case for case in CASES if case.role in roles]


def of_kept_work(*roles: str) -> list[Case]:
    """Only the points of the ledger and of the order store."""
    cases = of_roles(*roles)
    kept = [(case, [p for p in case.points if p.owner in KEEPERS_OF_WORK]) for case in cases]
    return [replace(case, points=tuple(points)) for case, points in kept if points]


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("roles", ROLES, ids="-".join)
def test_kill_at_every_failpoint(
    roles: tuple[str, ...], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with hurting(tmp_path, 2_000, RETENTION) as hurt:
        play(hurt, of_roles(*roles))
        record_property(COUNTED, hurt.assert_recovered(f"failpoints of {', '.join(roles)}"))


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_write_that_is_told_to_have_failed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with hurting(tmp_path, 2_000, RETENTION) as hurt:
        play(hurt, of_kept_work("generator", "worker", "orchestrator"), TELL)
        record_property(COUNTED, hurt.assert_recovered("failpoints, told it failed"))


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("roles", ROLES, ids="-".join)
def test_a_process_that_freezes_past_its_lease_in_the_middle_of_a_write(
    roles: tuple[str, ...], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with hurting(tmp_path, 2_000, RETENTION, with_twin=True) as hurt:
        play(hurt, of_kept_work(*roles), FREEZE)
        title = f"failpoints of {', '.join(roles)}, frozen for 12 s"
        record_property(COUNTED, hurt.assert_recovered(title))
