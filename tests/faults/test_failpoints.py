"""`kill -9` right before and right after each kind of write, in live service processes."""

from __future__ import annotations

import ast
import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import assert_stops_cleanly, running_stack
from tests.faults.armed import Armed, Failpoints
from tests.faults.hooks.failpoints import AFTER, BEFORE
from tests.faults.hooks.points import ADAPTERS, READING, WRITING, Point
from tests.faults.hurting import Hurting
from tests.faults.provoking import a_run, a_slow_run

WRITES = frozenset(
    {
        *("insert_many", "insert_one", "insert_absent", "update_one", "update_many", "bulk_write"),
        *("find_one_and_update", "delete_one", "delete_many", "drop", "zadd", "psetex", "zpopmin"),
        *("xadd", "delete", "unlink"),
    }
)
ENVIRON = {
    "ORDER_HANDLER": handlers.SPEC,
    "ORDER_HANDLER_TIMEOUT_MS": "10000",
    "ORDER_HANDLER_CONCURRENCY": "10",
    "ORDERS_QUEUE_CONCURRENCY": "5",
    "GENERATION_CHUNK_SIZE": "250",
    "GENERATION_CONCURRENCY": "1",
    "NORMAL_ENQUEUE_BATCH_SIZE": "500",
}


@contextlib.contextmanager
def hurting(folder: Path, quantity: int, more: Mapping[str, str] = {}) -> Iterator[Hurting]:
    """A stack whose services have failpoints; it stops cleanly at the end."""
    mode = folder / "mode.json"
    handlers.switch(mode)
    failpoints = Failpoints(folder / "failpoints")
    environ = failpoints.environ({**ENVIRON, **more, handlers.VARIABLE: str(mode)})
    with running_stack(folder / "stack", environ, generators=1, workers=3) as stack:
        yield Hurting(stack, failpoints, mode, quantity)
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
