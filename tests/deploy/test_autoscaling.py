"""What KEDA asks Prometheus, and what it makes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.deploy.manifests import environment, named, of_kind

METRICS = {
    "pedidos_queue_jobs",
    "pedidos_job_duration_seconds_sum",
    "pedidos_job_duration_seconds_count",
    "pedidos_worker_slots",
}
QUEUES = {"worker": {"orders", "notifications"}, "generator": {"generation"}}
SLOTS = {"worker": "ORDERS_QUEUE_CONCURRENCY", "generator": "GENERATION_CONCURRENCY"}
each = pytest.mark.parametrize("service", sorted(QUEUES))


def trigger(service: str) -> Any:
    (only,) = named("prod", "ScaledObject", f"pedidos-{service}")["spec"]["triggers"]
    return only


def query(service: str) -> str:
    text: str = trigger(service)["metadata"]["query"]
    return text


@each
def test_it_asks_for_the_seconds_of_work_that_wait(service: str) -> None:
    asked = query(service)
    assert set(re.findall(r"pedidos_\w+", asked)) == METRICS
    queues = [set(found.split("|")) for found in re.findall(r'queue=~?"([^"]+)"', asked)]
    assert queues == [QUEUES[service]] * 3
    assert f'job="{service}"' in asked


@each
def test_it_asks_for_this_installation_only(service: str) -> None:
    (namespace,) = of_kind("prod", "Namespace")
    selectors = re.findall(r"\{([^}]*)\}", query(service))
    wanted = f'namespace="{namespace["metadata"]["name"]}"'
    assert len(selectors) == 5
    assert all(wanted in selector for selector in selectors)


@each
def test_slots_are_taken_to_be_those_of_the_settings_until_one_tells(service: str) -> None:
    assumed = re.findall(r"or vector\((\d+)\)", query(service))[-1]
    assert assumed == environment("prod", service)[SLOTS[service]]


@each
def test_without_an_answer_there_are_not_fewer(service: str) -> None:
    spec = named("prod", "ScaledObject", f"pedidos-{service}")["spec"]
    assert trigger(service)["metadata"]["ignoreNullValues"] == "false"
    assert trigger(service)["metricType"] == "AverageValue", "KEDA falls back for no other"
    fallback = spec["fallback"]
    assert spec["minReplicaCount"] <= fallback["replicas"] <= spec["maxReplicaCount"]
    assert fallback["behavior"] == "currentReplicasIfHigher"


@each
def test_it_adds_two_at_once_and_takes_one_away(service: str) -> None:
    spec = named("prod", "ScaledObject", f"pedidos-{service}")["spec"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert [p["value"] for p in behavior["scaleUp"]["policies"]] == [2]
    assert [p["value"] for p in behavior["scaleDown"]["policies"]] == [1]


@each
def test_an_apply_does_not_set_the_number_again(service: str) -> None:
    assert "replicas" not in named("prod", "Deployment", f"pedidos-{service}")["spec"]
