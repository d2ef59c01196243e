"""What a mutant is, and the tests that several are for."""

from __future__ import annotations

from dataclasses import dataclass

COMMON = "libs/common/src/pedidos_common"
ORCHESTRATOR = "services/orchestrator/src/pedidos_orchestrator"
WORKER = "services/worker/src/pedidos_worker"
LEDGER = ("tests/contract/jobs",)
LEASES = ("tests/contract/test_leases.py",)
DRIVER = ("tests/unit/mongo_adapters/test_driver_errors.py",)
DOORBELL = ("tests/integration/test_redis_transport.py",)
ORDERS = ("tests/contract/test_order_store.py",)
RUNS = ("tests/contract/test_run_store.py",)
EXECUTOR = ("tests/unit/execution/test_executor.py",)
HEARTBEAT = ("tests/unit/execution/test_heartbeat.py",)
BATCHES = ("tests/unit/worker/test_process_batch.py",)
RELEASES = ("tests/unit/execution/test_releases.py", "tests/unit/orchestrator/test_releases.py")
REPAIR = ("tests/unit/orchestrator/test_repair.py", "tests/unit/orchestrator/test_leading.py")
PIPELINE = ("tests/unit/domain/test_pipeline.py", "tests/unit/orchestrator/test_whole_runs.py")
AFTERMATH = ("tests/unit/orchestrator/test_aftermath.py",)
SERVER_TIME = ("tests/unit/mongo_adapters/test_server_time.py",)
EXPLORER = (
    "tests/model/test_explorer.py::test_a_lost_and_a_repeated_ring_break_nothing",
    "tests/model/test_explorer.py::test_one_crash_one_zombie_and_one_rollback_break_nothing",
)
MACHINE = ("tests/unit/orchestrator/test_world_machine.py",)
# what a process' own clock says, in place of the server's
OWN_CLOCK = '__import__("datetime").datetime.now(__import__("datetime").UTC)'
OWN_SECONDS = '__import__("datetime").timedelta(seconds={})'


@dataclass(frozen=True, slots=True)
class Mutant:
    """One guard taken away: `before` stands once in the file at `path`, and `after` replaces it.

    `tests` must notice it, one of them at least; so must each group of `also` by itself.
    """

    name: str
    path: str
    before: str
    after: str
    tests: tuple[str, ...]
    also: tuple[tuple[str, ...], ...] = ()

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The groups of tests, each of which must notice."""
        return (self.tests, *self.also)
