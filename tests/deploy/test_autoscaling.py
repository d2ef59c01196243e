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
from pedidos_cli.autoscale.scrape import WORKER_QUEUES
from pedidos_cli.autoscale.work import WINDOW_SECONDS, JobTimes, Load, work_seconds
from tests.deploy.manifests import ROOT, environment, named, of_kind

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
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on the PATH, so the query was read and not run")
    expected = [] if seconds is None else [{"labels": "{}", "value": seconds}]
    asked = {"expr": query("worker"), "eval_time": "8m", "exp_samples": expected}
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
