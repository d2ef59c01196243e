"""docs/metrics.md lists every metric of every service, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from pedidos_checkout.provider_metrics import ProviderMetrics
from pedidos_common.adapters.mongo import client as mongo
from pedidos_common.adapters.redis import client as redis
from pedidos_common.execution.life_signs import LifeSigns
from pedidos_common.runtime.connections import Connections
from pedidos_common.runtime.job_metrics import JobMetrics
from pedidos_common.runtime.loop_lag import LoopLag
from pedidos_common.runtime.metrics import new_registry, watch_dropped_logs
from pedidos_common.runtime.server_metrics import ServerMetrics
from pedidos_common.runtime.tracing import SpansSent, watch_spans
from pedidos_orchestrator.app import create_app
from pedidos_orchestrator.deps import ApiSettings
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring import background_of
from pedidos_worker.metrics import WorkerMetrics
from tests.metrics_page import PAGE, SERVICES, Listed, listed
from tests.unit.orchestrator.test_chores import deps_of
from tests.unit.orchestrator.world import World

UNITS = ("_seconds", "_ratio", "_total")
NOWHERE = "mongodb://127.0.0.1:1"


def common() -> CollectorRegistry:
    registry = new_registry()
    watch_dropped_logs(registry, lambda: 0)
    watch_spans(registry, SpansSent)
    LoopLag(registry)
    ServerMetrics(registry)
    return registry


def of_jobs() -> CollectorRegistry:
    registry = common()
    JobMetrics(registry)
    return registry


async def registry_of(service: str) -> CollectorRegistry:
    """All that a service registers."""
    if service == "orchestrator":
        return await of_orchestrator()
    registry = of_jobs()
    if service == "worker":
        WorkerMetrics(registry)
        ProviderMetrics(registry)
    return registry


async def of_orchestrator() -> CollectorRegistry:
    deps = deps_of(World(), common())
    ProviderMetrics(deps.registry)
    create_app(deps, ApiSettings()).build_middleware_stack()
    async with mongo.connect(NOWHERE, "test") as client:
        database = mongo.durable(client, "none")
        connections = Connections(client, database, redis.connect("redis://127.0.0.1:1"), "p:")
        _, loops = background_of(OrchestratorSettings(), deps, connections, "o", LifeSigns())
        for loop in loops.values():
            loop.close()  # type: ignore[attr-defined]
    return deps.registry


def exported(registry: CollectorRegistry) -> Iterator[Listed]:
    """Our metrics of a registry, those without a value as well."""
    for collector in registry._collector_to_names:
        describe = getattr(collector, "describe", collector.collect)
        for family in describe():
            labels: tuple[str, ...] = getattr(collector, "_labelnames", ())
            labels = labels or getattr(family, "_labelnames", ())
            suffix = "_total" if family.type == "counter" else ""
            if family.name.startswith("pedidos_"):
                yield Listed(family.name + suffix, family.type, frozenset(labels))


@pytest.mark.parametrize("service", SERVICES)
async def test_the_page_lists_what_the_service_exports_and_nothing_else(service: str) -> None:
    assert set(exported(await registry_of(service))) == listed(service)


def test_each_metric_stands_once_on_the_page_and_has_its_unit_in_its_name() -> None:
    names = Counter(
        line.split("`")[1]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| `pedidos_")
    )
    assert set(names.values()) == {1}
    for one in set().union(*map(listed, SERVICES)):
        assert (one.kind == "counter") == one.name.endswith("_total"), one
        assert one.kind != "histogram" or one.name.endswith(UNITS), one
