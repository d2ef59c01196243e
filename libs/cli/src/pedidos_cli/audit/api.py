"""The API's figures beside the database's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from pedidos_cli.audit.evidence import Evidence
from pedidos_cli.audit.verdict import Check

ANSWER_SECONDS = 10.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def compare(evidence: Evidence, api_url: str, api_key: str | None) -> Iterable[Check]:
    """One check for the run's page, and one for the status if it shows this run."""
    headers = {"x-api-key": api_key} if api_key else {}
    # A proxy of the environment has no way to this machine's own loopback.
    proxied = urlsplit(api_url).hostname not in LOOPBACK
    with httpx.Client(
        base_url=api_url, headers=headers, timeout=ANSWER_SECONDS, trust_env=proxied
    ) as client:
        try:
            status = _get(client, "/pedidos")
            run = _get(client, f"/pedidos/runs/{evidence.run.id}")
        except (httpx.HTTPError, ValueError) as failure:
            return [_equal("api_answers", "The API answers", "its figures", str(failure))]
    checks = [_run_page(evidence, run)]
    if status.get("lastRunId") == evidence.run.id and evidence.run.ended:
        checks.append(_status_page(evidence, status))
    return checks


def _get(client: httpx.Client, path: str) -> Mapping[str, Any]:
    answer = client.get(path).raise_for_status().json()
    return answer if isinstance(answer, dict) else {}


def _run_page(evidence: Evidence, page: Mapping[str, Any]) -> Check:
    fields = ["phase", "quantity", *evidence.run.totals]
    stored = {"phase": evidence.run.phase, "quantity": evidence.run.quantity}
    expected = {**stored, **evidence.run.totals} if evidence.run.ended else stored
    found = {name: page.get(name) for name in fields if name in expected}
    title = "GET /pedidos/runs/{runId} shows what is stored"
    return _equal("api_run", title, _figures(expected), _figures(found))


def _status_page(evidence: Evidence, page: Mapping[str, Any]) -> Check:
    orders, processing = evidence.orders, page.get("processing") or {}
    expected: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for priority, name in (("VIP", "vip"), ("NORMAL", "normal")):
        shown = processing.get(name) or {}
        expected[name] = orders.total(lambda g: g.settled_well, priority)
        expected[f"{name} failed"] = orders.total(lambda g: g.settled_badly, priority)
        found[name], found[f"{name} failed"] = shown.get("count"), shown.get("failed")
    expected["final"] = sum(expected.values())
    found["final"] = (page.get("progress") or {}).get("processedTotal")
    title = "GET /pedidos shows what is stored"
    return _equal("api_status", title, _figures(expected), _figures(found))


def _figures(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _equal(key: str, title: str, expected: str, found: str) -> Check:
    return Check(key, title, expected, found, expected == found)
