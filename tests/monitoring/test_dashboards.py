"""Dashboards and the operator's rules are what their sources say, and ask for what exists."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import promql_parser
import yaml

from deploy.write import DASHBOARDS, DEPLOY, OPERATOR_RULES, RULES, files
from tests.metrics_page import SERVICES, Listed, listed
from tests.monitoring.rules import (
    Asked,
    panels,
    program,
    queries_of_dashboards,
    queries_of_pages,
    queries_of_rules,
    rules,
)

ADDED = frozenset({"job", "instance"})
SUFFIXES = ("_bucket", "_sum", "_count")
# of Prometheus itself and of its client library
OTHERS = {
    *("up", "ALERTS", "process_start_time_seconds", "process_cpu_seconds_total"),
    *("process_resident_memory_bytes", "process_open_fds"),
}
ALL = [*queries_of_rules(), *queries_of_dashboards(), *queries_of_pages()]


def parsed(asked: Asked) -> promql_parser.Expr:
    return promql_parser.parse(asked.expr.replace("$__rate_interval", "1m"))


def selectors(asked: Asked) -> list[promql_parser.VectorSelector]:
    """Each use of a series in a query."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(parsed(asked), pre_visit=visit)
    return found


def exported() -> dict[str, Listed]:
    """docs/metrics.md, by the names of the series."""
    found: dict[str, Listed] = {}
    for one in set().union(*map(listed, SERVICES)):
        names = [one.name + end for end in SUFFIXES] if one.kind == "histogram" else [one.name]
        found |= dict.fromkeys(names, one)
    return found


def test_what_is_committed_is_what_its_sources_make() -> None:
    for path, text in files().items():
        assert path.read_text("utf-8") == text, f"{path.name} is stale: run `make dashboards`"
    assert set(DASHBOARDS.glob("*.json")) | {OPERATOR_RULES} == set(files())


def test_the_operator_gets_every_file_of_rules() -> None:
    text = OPERATOR_RULES.read_text("utf-8")
    assert {path.stem for path in RULES.glob("*.yml")} == {"recorded", "budget", "alerts"}
    for rule in rules():
        assert (rule.get("record") or rule["alert"]) in text


def test_queries_ask_for_series_and_labels_that_exist() -> None:
    known, recorded = exported(), {rule.get("record") for rule in rules()}
    for asked in ALL:
        for one in selectors(asked):
            assert one.name, f"{asked.where}: a series without a name"
            if one.name in recorded | OTHERS:
                continue
            assert one.name in known, f"{asked.where}: docs/metrics.md has no {one.name}"
            used = {matcher.name for matcher in one.matchers.matchers}
            assert used <= known[one.name].labels | ADDED, f"{asked.where}: {one.name}"


def test_queries_add_up_by_labels_that_their_series_have() -> None:
    known = exported()
    for asked in ALL:
        names = [one.name for one in selectors(asked) if one.name in known]
        labels = set().union(*(known[name].labels for name in names)) | ADDED | {"le"}
        for by in re.findall(r"\bby \(([^)]*)\)", asked.expr) if names else ():
            assert set(by.split(", ")) <= labels, f"{asked.where}: {by}"


def test_every_metric_is_seen_on_a_dashboard_or_by_a_rule() -> None:
    looked_at = [*queries_of_rules(), *queries_of_dashboards()]
    used = {one.name for asked in looked_at for one in selectors(asked)}
    for metric in set().union(*map(listed, SERVICES)):
        names = {metric.name, *(metric.name + end for end in SUFFIXES)}
        assert names & used, f"{metric.name} is measured and looked at by nobody"


def test_panels_have_titles_units_and_places_that_do_not_overlap() -> None:
    for path in DASHBOARDS.glob("*.json"):
        taken: set[tuple[int, int]] = set()
        for panel in panels(path):
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert panel["title"], path
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert at["x"] + at["w"] <= 24, (path.stem, panel["title"])
            assert not cells & taken, (path.stem, panel["title"])
            taken |= cells
            assert panel["datasource"]["uid"] == "${datasource}"


def test_a_cluster_s_grafana_gets_every_dashboard() -> None:
    kustomization = yaml.safe_load((DASHBOARDS / "kustomization.yaml").read_text("utf-8"))
    listed_there = [file for one in kustomization["configMapGenerator"] for file in one["files"]]
    assert sorted(listed_there) == sorted(path.name for path in DASHBOARDS.glob("*.json"))


def test_the_component_of_dashboards_renders(tmp_path: Path) -> None:
    component = os.path.relpath(DEPLOY / "k8s" / "components" / "grafana", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(f"components: [{component}]\n", "utf-8")
    command = [program("kubectl"), "kustomize", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    maps = list(yaml.safe_load_all(said.stdout))
    files_there = {name: text for one in maps for name, text in one["data"].items()}
    assert files_there == {path.name: path.read_text("utf-8") for path in DASHBOARDS.glob("*.json")}
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in maps)


def test_dashboards_have_names_of_their_own() -> None:
    uids = [json.loads(path.read_text("utf-8"))["uid"] for path in DASHBOARDS.glob("*.json")]
    assert len(uids) == len(set(uids)) == 7
