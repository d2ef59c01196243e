"""How each alert is made to fire on a live stack, and what its page says to do then.

A drill causes its condition, yields until the alert fires, and does what the page says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tests.e2e.stack import until
from tests.faults.linked import MONGO, REDIS
from tests.faults.proxy import Condition, Way
from tests.monitoring.scene import Scene

Play = Callable[[Scene], Iterator[None]]


def nothing(_scene: Scene) -> None:
    """Nobody does anything meanwhile."""


def asks(path: str) -> Callable[[Scene], None]:
    """Somebody asks for this meanwhile."""
    return lambda scene: scene.request(path)


@dataclass(frozen=True, slots=True)
class Drill:
    """One alert: what is done to the stack, what the page says to do, and both as code.

    `labels` are those of the one series that has to fire and to clear; `meanwhile` is done again
    and again while that is waited for.
    """

    cause: str
    remedy: str
    play: Play
    meanwhile: Callable[[Scene], None] = nothing
    labels: Mapping[str, str] = field(default_factory=dict)


def _run_stuck(scene: Scene) -> Iterator[None]:
    scene.handle(seconds=0.5)
    scene.start_run(3_000)
    until(lambda: scene.field.stack.phase() == "WAITING_VIP_DRAIN")
    scene.freeze(scene.workers)
    yield
    scene.handle()
    scene.restart(scene.workers)


def _run_failed(scene: Scene) -> Iterator[None]:
    scene.handle(seconds=0.5)
    run_id = scene.start_run(3_000)
    until(lambda: scene.field.stack.phase() == "WAITING_VIP_DRAIN")
    scene.freeze(scene.workers)
    yield
    scene.handle()
    scene.restart(scene.workers)
    scene.pedidos("resume", "--run", run_id, "--detach")


def _backlog(scene: Scene) -> Iterator[None]:
    scene.kill(scene.workers)
    scene.start_run(2_000)
    yield
    scene.restart(scene.workers)


def _held(scene: Scene) -> Iterator[None]:
    scene.pedidos("pause")
    scene.start_run(1_000)
    yield
    scene.pedidos("resume")


def _dead_letters(scene: Scene) -> Iterator[None]:
    scene.handle("none_works")
    scene.start_run(200)
    yield
    scene.handle()
    until(lambda: scene.field.stack.phase() == "DONE")
    scene.pedidos("dead", "--redrive", "all")


def _slots(scene: Scene) -> Iterator[None]:
    scene.handle(seconds=1.0)
    scene.start_run(12_000)
    yield
    scene.handle()


def _leader(scene: Scene) -> Iterator[None]:
    scene.kill(scene.orchestrators)
    yield
    scene.restart(scene.orchestrators)


def _scrape(scene: Scene) -> Iterator[None]:
    scene.kill(scene.workers[1:])
    yield
    scene.restart(scene.workers[1:])


def _restarting(scene: Scene) -> Iterator[None]:
    for _time in range(3):
        before = started_at(scene)
        scene.restart(scene.workers[1:])
        until(lambda known=before: started_at(scene) not in {known, None})  # type: ignore[misc]
    yield


def started_at(scene: Scene) -> str | None:
    """When Prometheus last saw the second worker begin."""
    port = scene.workers[1].port
    found = scene.prometheus.ask(f'process_start_time_seconds{{instance="127.0.0.1:{port}"}}')
    return str(found[0]["value"][1]) if found else None


def _blocked(scene: Scene) -> Iterator[None]:
    scene.handle("blocking")
    scene.start_run(3_000)
    yield
    scene.handle()


def _log_lines(scene: Scene) -> Iterator[None]:
    aside = scene.log_folder.with_suffix(".aside")
    scene.log_folder.rename(aside)
    scene.log_folder.write_text("not a folder", "utf-8")
    scene.start_run(500)
    yield
    scene.log_folder.unlink()
    aside.rename(scene.log_folder)


def _trouble(condition: Condition, store: str, *, work: bool = False) -> Play:
    def play(scene: Scene) -> Iterator[None]:
        if work:
            scene.handle(seconds=0.2)
            scene.start_run(6_000)
        scene.become(condition, store)
        yield
        scene.handle()
        scene.heal()

    return play


def _refused_requests(scene: Scene) -> Iterator[None]:
    scene.become(Condition(Way.CUT), MONGO, scene.orchestrators)
    yield
    scene.heal()


def _full(scene: Scene) -> Iterator[None]:
    with scene.redis() as client:
        used = int(cast("dict[str, Any]", client.info("memory"))["used_memory"])
        client.config_set("maxmemory", int(used * 1.15))
    yield
    with scene.redis() as client:
        client.config_set("maxmemory", "512mb")


def _provider_down(scene: Scene) -> Iterator[None]:
    scene.fail()
    bought = scene.buy(BOUGHT)
    yield
    scene.providers.end_faults()
    for one in bought:
        until(lambda mine=one: scene.is_over(mine), 60, 0.25)  # type: ignore[misc]


def _difference(scene: Scene) -> Iterator[None]:
    add_stock(scene, 1)
    scene.pedidos("checkout", "reconcile")
    yield
    add_stock(scene, -1)
    scene.pedidos("checkout", "reconcile")


def add_stock(scene: Scene, count: int) -> None:
    """By hand, and past the books: so many more can be sold than came in."""
    stock = scene.field.stack.database.stock
    assert stock.update_one({"_id": "STA-001"}, {"$inc": {"available": count}}).modified_count


def _never_compared(scene: Scene) -> Iterator[None]:
    scene.fail("lookup")
    scene.field.stack.database.reconciliations.delete_many({})
    scene.pedidos("checkout", "reconcile")
    yield
    scene.providers.end_faults()
    scene.pedidos("checkout", "reconcile")


# The stack has no keys; tests/unit/api/test_api_keys.py breaks the file, sees the metric, mends it.
# The sandbox refuses no refund; tests/unit/checkout/test_undoing.py plays a provider that does.
NOT_DRILLED = frozenset({"PedidosApiKeysNotRead", "PedidosRefundNotDone"})
# each trial of a provider that is down costs one of them an attempt
BOUGHT = 40
FAST = {"window": "1h"}
DRILLS: Mapping[str, Drill] = {
    "PedidosScrapeMissing": Drill("kill -9 of a worker", "start it", _scrape),
    "PedidosLeaderMissing": Drill("kill -9 of both orchestrators", "start them", _leader),
    "PedidosRunStuck": Drill("all workers hang (SIGSTOP)", "restart them", _run_stuck),
    "PedidosRunFailed": Drill(
        "the same, until the run ends in ERROR", "restart, pedidos resume --run", _run_failed
    ),
    "PedidosBacklogTooOld": Drill("no worker for a run", "start workers", _backlog),
    "PedidosQueueHeld": Drill("pedidos pause, then a run", "pedidos resume", _held),
    "PedidosWorkerSlotsExhausted": Drill("a slow handler", "mend the handler", _slots),
    "PedidosDeadLettersGrowing": Drill(
        "a handler that always fails", "mend it, pedidos dead --redrive all", _dead_letters
    ),
    "PedidosOrdersErrorBudgetBurn": Drill("the same", "the same", _dead_letters, labels=FAST),
    "PedidosHttpErrorBudgetBurn": Drill(
        "orchestrators cut from MongoDB",
        "mend the network",
        _refused_requests,
        asks("/pedidos/runs"),
        FAST,
    ),
    "PedidosProcessRestarting": Drill("kill -9 of a worker, 3 times", "none: it ends", _restarting),
    "PedidosEventLoopLagging": Drill("a handler that blocks", "mend the handler", _blocked),
    "PedidosLogLinesDropped": Drill("LOG_DIR is no folder", "make it one", _log_lines),
    "PedidosMongoDBSlow": Drill(
        "replies 1.2 s late", "mend the network", _trouble(Condition(delay_seconds=0.6), MONGO)
    ),
    "PedidosMongoDBFailing": Drill(
        "connections reset in replies",
        "mend the network",
        _trouble(Condition(Way.TEAR, reply_bytes=3_000), MONGO, work=True),
        asks("/pedidos/runs"),
    ),
    "PedidosRedisSlow": Drill(
        "replies 0.3 s late",
        "mend the network",
        _trouble(Condition(delay_seconds=0.15), REDIS, work=True),
    ),
    "PedidosRedisFailing": Drill(
        "all cut from Redis", "mend the network", _trouble(Condition(Way.CUT), REDIS, work=True)
    ),
    "PedidosStoreNearlyFull": Drill("Redis' maxmemory is low", "raise it", _full),
    "PedidosProviderPaused": Drill(
        "the sandbox answers 503 to each call",
        "it is well again",
        _provider_down,
        labels={"provider": "payment"},
    ),
    "PedidosReconciliationDifferences": Drill(
        "a product's stock changed by hand",
        "put right, pedidos checkout reconcile",
        _difference,
        labels={"kind": "stock_sum"},
    ),
    "PedidosReconciliationLate": Drill(
        "from the first pass on the provider's list fails",
        "it is well again, pedidos checkout reconcile",
        _never_compared,
    ),
}
