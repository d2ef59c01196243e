"""What KEDA asks Prometheus, and what it makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pedidos_cli.autoscale.policy import ADDED_AT_ONCE, TAKEN_AT_ONCE, Pace
from pedidos_cli.autoscale.queue_policy import QueuePace
from pedidos_cli.autoscale.scrape import WORKER_QUEUES
from pedidos_cli.autoscale.work import WINDOW_SECONDS, JobTimes, Load, work_seconds
from pedidos_common.domain.queues import CHECKOUT_QUEUES, DEFAULTS
from tests.deploy.manifests import ROOT, container, environment, named, of_kind, selects

METRICS = {
    "pedidos_queue_jobs",
    "pedidos_job_duration_seconds_sum",
    "pedidos_job_duration_seconds_count",
    "pedidos_worker_slots",
}
QUEUES = {"worker": set(WORKER_QUEUES), "generator": {"generation"}}
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
    assert asked.count(f'job="pedidos-{service}"') == 2


def test_there_are_metrics_of_these_names() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    for metric in METRICS:
        assert f"| `{metric.removesuffix('_sum').removesuffix('_count')}` |" in page


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


def test_pedidos_up_keeps_the_same_pace() -> None:
    spec, pace = named("prod", "ScaledObject", "pedidos-worker")["spec"], Pace()
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    (up,), (down,) = (behavior[way]["policies"] for way in ("scaleUp", "scaleDown"))
    assert float(trigger("worker")["metadata"]["threshold"]) == pace.target
    assert (up["value"], up["periodSeconds"]) == (ADDED_AT_ONCE, pace.add)
    assert (down["value"], down["periodSeconds"]) == (TAKEN_AT_ONCE, pace.take)
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == pace.patience
    minutes = set(re.findall(r"\[(\d+)m\]", query("worker")))
    assert {60 * int(found) for found in minutes} == {WINDOW_SECONDS}


@each
def test_an_apply_does_not_set_the_number_again(service: str) -> None:
    assert "replicas" not in named("prod", "Deployment", f"pedidos-{service}")["spec"]


WAITING = 'pedidos_queue_jobs{namespace="pedidos", queue="orders", state="waiting", pod="%s"}'
ENDED = 'pedidos_job_duration_seconds_%s{namespace="pedidos", queue="orders"}'
SLOTS_OF = 'namespace="pedidos", job="pedidos-worker", pod="%s", state="%s"'
SLOTS_SERIES = f"pedidos_worker_slots{{{SLOTS_OF}}}"
BUSY = {
    # told by the leader, and for a moment by the one before it
    WAITING % "new": "200x40",
    WAITING % "old": "200x40",
    'pedidos_queue_jobs{namespace="other", queue="orders", state="waiting"}': "5000x40",
    'pedidos_queue_jobs{namespace="pedidos", queue="orders", state="completed"}': "5000x40",
    # one a second, of 10 s each
    ENDED % "sum": "0+150x40",
    ENDED % "count": "0+15x40",
    SLOTS_SERIES % ("a", "busy"): "20x40",
    SLOTS_SERIES % ("a", "free"): "5x40",
    SLOTS_SERIES % ("b", "busy"): "25x40",
    SLOTS_SERIES % ("b", "free"): "0x40",
}


def without(*parts: str) -> Mapping[str, str]:
    return {name: v for name, v in BUSY.items() if not any(part in name for part in parts)}


def seconds_of(waiting: float, job_seconds: float, slots: float | None) -> float:
    """As `pedidos up --autoscale` takes them."""
    return work_seconds(Load(waiting, {}, slots), job_seconds)


@pytest.mark.parametrize(
    ("series", "seconds"),
    [
        (BUSY, seconds_of(200, 10, 25)),
        (
            BUSY | {ENDED % "sum": "150x40", ENDED % "count": "15x40"},
            seconds_of(200, JobTimes().mean_seconds(), 25),
        ),
        (without("duration"), seconds_of(200, JobTimes().mean_seconds(), 25)),
        (without("slots"), seconds_of(200, 10, None)),
        (BUSY | {WAITING % "new": "0x40", WAITING % "old": "0x40"}, seconds_of(0, 10, 25)),
        (without("queue_jobs"), None),
    ],
    ids=["busy", "none ended lately", "none ended yet", "no worker", "idle", "no leader"],
)
def test_prometheus_answers_with_the_seconds(
    tmp_path: Path, series: Mapping[str, str], seconds: float | None
) -> None:
    ask(tmp_path, query("worker"), series, seconds)


def ask(tmp_path: Path, expression: str, series: Mapping[str, str], answer: float | None) -> None:
    """Has Prometheus answer it over those series; None is no answer."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on the PATH, so the query was read and not run")
    expected = [] if answer is None else [{"labels": "{}", "value": answer}]
    asked = {"expr": expression, "eval_time": "8m", "exp_samples": expected}
    case = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [asked],
    }
    file = tmp_path / "case.yml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "15s", "tests": [case]}))
    done = subprocess.run(
        [promtool, "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- workers of the queues of checkouts


GROUPS = ("payments", "placing", "messages")
each_group = pytest.mark.parametrize("group", GROUPS)


def served(group: str) -> set[str]:
    held = container(named("prod", "Deployment", f"pedidos-worker-{group}"))
    (told,) = (one["value"] for one in held["env"] if one["name"] == "WORKER_QUEUES")
    return set(told.split(","))


def test_each_queue_of_checkouts_is_served_by_one_deployment() -> None:
    groups = [served(group) for group in GROUPS]
    assert set().union(*groups) == set(CHECKOUT_QUEUES)
    assert sum(map(len, groups)) == len(CHECKOUT_QUEUES)
    assert set(environment("prod", "worker")["WORKER_QUEUES"].split(",")) == WORKER_QUEUES


@pytest.mark.parametrize("kind", ["Deployment", "PodDisruptionBudget"])
def test_no_two_select_the_same_pods(kind: str) -> None:
    pods = [w["spec"]["template"]["metadata"]["labels"] for w in of_kind("prod", "Deployment")]
    for resource in of_kind("prod", kind):
        mine = [one for one in pods if selects(resource["spec"]["selector"], one)]
        assert len(mine) == 1, resource["metadata"]["name"]


@each_group
def test_a_group_scales_by_the_table_of_queues(group: str) -> None:
    (scale,) = {DEFAULTS[queue].scale for queue in served(group)}
    spec, pace = named("prod", "ScaledObject", f"pedidos-worker-{group}")["spec"], QueuePace()
    assert spec["scaleTargetRef"]["name"] == f"pedidos-worker-{group}"
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (scale.least, scale.most)
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    (up,), (down,) = (behavior[way]["policies"] for way in ("scaleUp", "scaleDown"))
    assert (up["value"], up["periodSeconds"]) == (scale.grow_by, pace.grow)
    assert (down["value"], down["periodSeconds"]) == (1, pace.shrink)
    asked = group_query(group)
    assert re.findall(r"bool (\d+)", asked) == [str(scale.grow_above), str(scale.shrink_below)]
    assert re.findall(r'queue=~"([^"]+)"', asked) == ["|".join(sorted_as_served(group))] * 2
    assert asked.count('namespace="pedidos"') == 2


def sorted_as_served(group: str) -> list[str]:
    return [queue for queue in CHECKOUT_QUEUES if queue in served(group)]


def group_query(group: str) -> str:
    (only,) = named("prod", "ScaledObject", f"pedidos-worker-{group}")["spec"]["triggers"]
    assert (only["metricType"], only["metadata"]["threshold"]) == ("Value", "1")
    assert only["metadata"]["ignoreNullValues"] == "false", "nothing found is no reason to scale"
    text: str = only["metadata"]["query"]
    return text


INVENTORY = 'pedidos_queue_jobs{namespace="pedidos", queue="inventory", state="waiting"}'
PLACING = 'pedidos_queue_jobs{namespace="pedidos", queue="order-processing", state="waiting"}'


@pytest.mark.parametrize(
    ("series", "times"),
    [
        ({INVENTORY: "101x40", PLACING: "0x40"}, 3),
        ({INVENTORY: "100x40", PLACING: "0x40"}, 1),
        ({INVENTORY: "10x40", PLACING: "3x40"}, 1),
        ({INVENTORY: "9x40", PLACING: "9x40"}, 0.5),
        ({}, None),
    ],
    ids=["above", "at the limit", "between", "below", "no leader"],
)
def test_prometheus_answers_by_how_much_a_group_changes(
    tmp_path: Path, series: Mapping[str, str], times: float | None
) -> None:
    ask(tmp_path, group_query("placing"), series, times)
