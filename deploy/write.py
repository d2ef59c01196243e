"""Writes the files under deploy/ that are made from others: `python -m deploy.write`.

The dashboards come from deploy/grafana/boards, and the Prometheus operator's rules from those of
deploy/prometheus/rules. A test holds what is committed equal to what this would write.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.grafana.boards import checkout, http, overview, queues, runs, servers, workers
from deploy.grafana.panels import Board, text_of

DEPLOY = Path(__file__).parent
RULES = DEPLOY / "prometheus" / "rules"
DASHBOARDS = DEPLOY / "grafana" / "dashboards"
OPERATOR_RULES = DEPLOY / "k8s" / "components" / "prometheus-operator" / "rules.yaml"
HEAD = """\
# Made by `make dashboards` from deploy/prometheus/rules: change them there.
"""


def boards() -> Iterator[Board]:
    """Every dashboard."""
    for module in (overview, runs, queues, workers, http, checkout, servers):
        yield module.board()


def files() -> dict[Path, str]:
    """What is to be written, by path."""
    made = {DASHBOARDS / f"{board.name}.json": text_of(board) for board in boards()}
    return made | {OPERATOR_RULES: operator_rules()}


def groups() -> list[dict[str, Any]]:
    """All groups of rules, those first on which others build."""
    names = ("recorded", "budget", "alerts")
    read = [yaml.safe_load((RULES / f"{name}.yml").read_text("utf-8")) for name in names]
    return [group for one in read for group in one["groups"]]


def operator_rules() -> str:
    """The same rules as a resource of the Prometheus operator."""
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "pedidos", "labels": {"app.kubernetes.io/part-of": "pedidos"}},
        "spec": {"groups": groups()},
    }
    return HEAD + yaml.safe_dump(resource, sort_keys=False, width=1_000, allow_unicode=True)


def main() -> None:
    """Write them all."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
