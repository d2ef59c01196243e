"""What the services of a real run tell at /metrics is what its database holds."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from tests.e2e.conftest import Switch
from tests.e2e.handlers import fails_for_good
from tests.e2e.scraped import Scrape
from tests.e2e.stack import Stack, until
from tests.metrics_page import SERVICES, listed

QUANTITY = 8_000
PRIORITIES = ("VIP", "NORMAL")
BATCHES = {"queue": "orders", "function": "orders.process_batch"}
CHUNKS = {"queue": "generation", "function": "orders.generate_chunk"}


class Growth:
    """By how much the counters of a role have grown since this was made."""

    def __init__(self, stack: Stack, role: str) -> None:
        self._stack, self._role, self._before = stack, role, Scrape(stack, role)

    def of(self, name: str, **labels: str) -> float:
        """The growth of a counter, over all processes of the role."""
        now = Scrape(self._stack, self._role).value(name, **labels)
        return now - self._before.value(name, **labels)

    def await_growth(self, count: float, name: str, **labels: str) -> None:
        """Wait until the counter has grown by so much; a run may be DONE a moment before."""
        until(lambda: self.of(name, **labels) == count)


def jobs_of(stack: Stack, run_id: str) -> Counter[str]:
    """How many jobs of each kind a run had, which all succeeded."""
    jobs = list(stack.database.jobs.find({"scope": run_id}, {"function": 1, "status": 1}))
    assert {job["status"] for job in jobs} == {"succeeded"}
    return Counter(job["function"] for job in jobs)


def test_each_service_counts_what_it_did_of_a_run(stack: Stack) -> None:
    worker, generator = Growth(stack, "worker"), Growth(stack, "generator")
    orchestrator = Growth(stack, "orchestrator")
    run_id = stack.start(QUANTITY, seed=3)
    stack.await_phase("DONE")
    jobs, orders = jobs_of(stack, run_id), stack.database.orders

    for priority in PRIORITIES:
        held = orders.count_documents({"priority": priority, "status": "processado"})
        of_priority = partial(worker.of, "pedidos_orders_processed_total", priority=priority)
        assert of_priority(outcome="processed") == held > 0
        assert of_priority(outcome="failed") == 0

    for role, kind in ((worker, BATCHES), (generator, CHUNKS)):
        count = jobs[kind["function"]]
        role.await_growth(count, "pedidos_jobs_total", **kind, outcome="succeeded")
        role.await_growth(count, "pedidos_job_duration_seconds_count", **kind)
        assert 0 < role.of("pedidos_job_duration_seconds_sum", **kind) < 60 * count
        queue = {"queue": kind["queue"]}
        assert role.of("pedidos_job_queue_wait_seconds_count", **queue) >= count
        assert 0 <= role.of("pedidos_job_queue_wait_seconds_sum", **queue) < 60 * count
        assert role.of("pedidos_mongodb_command_duration_seconds_count") > 0
        assert role.of("pedidos_redis_command_duration_seconds_count", command="pipeline") > 0

    route = {"method": "POST", "route": "/pedidos/generate"}
    assert orchestrator.of("pedidos_http_requests_total", **route, status="202") == 1
    assert orchestrator.of("pedidos_http_request_duration_seconds_count", **route) == 1
    assert orchestrator.of("pedidos_mongodb_command_duration_seconds_count") > 0


def test_slots_are_free_again_after_a_run(stack: Stack) -> None:
    stack.start(1_000)
    stack.await_phase("DONE")

    def all_free() -> bool:
        found = Scrape(stack, "worker")
        return found.value("pedidos_worker_slots", state="busy") == 0

    until(all_free)
    # two workers of 25 slots each, as they come
    assert Scrape(stack, "worker").value("pedidos_worker_slots", state="free") == 50


def test_the_leader_tells_of_the_run_and_of_queues_that_wait(stack: Stack) -> None:
    stack.post("/pedidos/queue/pause")
    stack.start(QUANTITY)
    until(lambda: told(stack, "pedidos_queue_jobs", queue="generation", state="waiting") == 8)
    until(lambda: told(stack, "pedidos_queue_oldest_waiting_age_seconds", queue="generation") > 1)
    assert told(stack, "pedidos_queue_state", state="paused") == 1
    assert told(stack, "pedidos_run_phase", phase="GENERATING") == 1
    assert told(stack, "pedidos_run_target_orders") == QUANTITY

    stack.post("/pedidos/queue/resume")
    stack.await_phase("DONE")
    until(lambda: told(stack, "pedidos_run_phase", phase="DONE") == 1)
    found = Scrape(stack, "orchestrator")
    assert found.value("pedidos_run_progress_ratio") == 1
    assert found.value("pedidos_run_generated_orders") == QUANTITY
    assert found.value("pedidos_run_final_orders", outcome="processed") == QUANTITY
    assert found.value("pedidos_run_estimated_remaining_seconds") == 0
    assert found.value("pedidos_queue_jobs") == 0
    assert found.value("pedidos_queue_oldest_waiting_age_seconds") == 0
    assert found.value("pedidos_dead_letters") == 0
    assert found.value("pedidos_orchestrator_leader") == 1


def told(stack: Stack, name: str, **labels: str) -> float:
    """A value of the orchestrator's."""
    return Scrape(stack, "orchestrator").value(name, **labels)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_exports_what_the_page_lists_and_nothing_else(stack: Stack, service: str) -> None:
    stack.start(1_000)
    stack.await_phase("DONE")
    until(lambda: told(stack, "pedidos_run_phase", phase="DONE") == 1)
    found, page = Scrape(stack, service), listed(service)
    exported = {
        (name + "_total" if family.type == "counter" else name, family.type)
        for name, family in found.families.items()
        if name.startswith("pedidos_")
    }
    assert exported == {(one.name, one.kind) for one in page}
    for one in page:
        name = one.name.removesuffix("_total") if one.kind == "counter" else one.name
        assert found.labels(name) <= {one.labels}, one


def test_failed_orders_are_dead_letters_until_they_are_sent_again(
    shop: Stack, switch: Switch
) -> None:
    worker = Growth(shop, "worker")
    switch("failing")
    shop.start(300)
    shop.await_phase("DONE")
    dead = sum(map(fails_for_good, range(1, 301)))
    until(lambda: told(shop, "pedidos_dead_letters", kind="order") == dead)
    assert worker.of("pedidos_orders_processed_total", outcome="failed") == dead
    assert worker.of("pedidos_orders_processed_total", outcome="processed") == 300 - dead
    assert worker.of("pedidos_job_redeliveries_total", **BATCHES) > 0
    assert worker.of("pedidos_jobs_total", **BATCHES, outcome="retry") > 0
    switch()
    shop.command("dead", "--redrive", "all")
    until(lambda: told(shop, "pedidos_dead_letters", kind="order") == 0)
    worker.await_growth(300, "pedidos_orders_processed_total", outcome="processed")
