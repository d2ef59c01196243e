"""Dashboards and rules are brought to a cluster and to compose, each of them."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch

import yaml

from tests.deploy.manifests import ROOT, SERVICES, label, of_kind

DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
PROMETHEUS = ROOT / "deploy" / "prometheus"
LARGEST_CONFIG_MAP_BYTES = 1_048_576


def test_a_cluster_gets_every_dashboard() -> None:
    brought: dict[str, str] = {}
    for held in of_kind("prod", "ConfigMap"):
        if held["metadata"].get("labels", {}).get("grafana_dashboard") == "1":
            brought |= held["data"]
            assert len(json.dumps(held)) < LARGEST_CONFIG_MAP_BYTES, label(held)
    files = {file.name: file.read_text() for file in DASHBOARDS.glob("*.json")}
    assert files
    assert brought == files


def test_a_cluster_gets_every_rule() -> None:
    (rules,) = of_kind("prod", "PrometheusRule")
    brought = {group["name"]: group["rules"] for group in rules["spec"]["groups"]}
    written: dict[str, object] = {}
    for file in (PROMETHEUS / "rules").glob("*.yml"):
        groups = yaml.safe_load(file.read_text())["groups"]
        written |= {group["name"]: group["rules"] for group in groups}
    assert brought == written


def test_prometheus_of_compose_reads_every_rule() -> None:
    (pattern,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["rule_files"]
    files = [file for file in (PROMETHEUS / "rules").iterdir() if file.is_file()]
    assert files
    assert all(fnmatch(str(file.relative_to(PROMETHEUS)), pattern) for file in files)


def test_monitors_name_jobs_as_rules_ask_for_them() -> None:
    jobs = set()
    for monitor in of_kind("prod", "PodMonitor", "ServiceMonitor"):
        spec = monitor["spec"]
        (endpoint,) = spec.get("podMetricsEndpoints") or spec["endpoints"]
        (relabeling,) = endpoint["relabelings"]
        assert relabeling["targetLabel"] == "job"
        for service in SERVICES:
            named = re.fullmatch(relabeling["regex"], f"pedidos-{service}")
            jobs.add(named[1] if named else None)
    assert jobs == {f"pedidos-{service}" for service in SERVICES}
    rules = (PROMETHEUS / "rules" / "alerts.yml").read_text()
    assert set(re.findall(r'job="([^"]+)"', rules)) == jobs
