"""A real Prometheus that scraped a real run has data for every panel and every rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest

from deploy.write import RULES
from tests.e2e import handlers
from tests.e2e.scraped import Scrape
from tests.e2e.stack import Stack, running_stack, until
from tests.monitoring.prometheus import Prometheus, running_prometheus, targets_of
from tests.monitoring.rules import Asked, alerts, program, queries_of_dashboards, rules

# Series that begin with the first failure: no request and no lease failed here.
NEEDS_A_FAILURE = ('status=~"5.."', "pedidos_job_leases_lost_total")
# With it each query has an answer, be its series there or not.
OR_NOTHING = " or on () vector(0)"
DATA_SECONDS = 45.0
OWN_SLOTS = "[queues.payment-processing]\nconcurrency = 10\n"
CART: dict[str, Any] = {
    "customer": {"id": "c-1", "name": "Ana Souza", "email": "ana@example.com"},
    "items": [{"productId": "STA-001", "quantity": 1}],
    "payment": {"method": "tok_ok"},
}


@pytest.fixture(scope="session", autouse=True)
def there() -> None:
    """Looked up before a stack is started for it."""
    program("prometheus")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Stack]:
    """A stack with all that is measured: orders that fail, providers, a queue with own slots."""
    handler_file, queues = tmp_path / "mode.json", tmp_path / "queues.toml"
    handlers.switch(handler_file, "failing")
    queues.write_text(OWN_SLOTS, "utf-8")
    environ = {
        "ORDER_HANDLER": handlers.SPEC,
        "ORDER_HANDLER_CONCURRENCY": "10",
        handlers.VARIABLE: str(handler_file),
        "QUEUES_FILE": str(queues),
        "BREAKER_PAUSE_SECONDS": "2",
    }
    with running_stack(tmp_path / "shop", environ, options=["--sandbox"]) as started:
        started.post("/api/products/sample")
        yield started


def queries() -> list[Asked]:
    """All of the dashboards, all that is recorded, and each series that an alert looks at."""
    panels = [
        Asked(one.where, one.expr.replace("$__rate_interval", "1m").removesuffix(OR_NOTHING))
        for one in queries_of_dashboards()
        if not any(part in one.expr for part in NEEDS_A_FAILURE)
    ]
    recorded = [Asked(rule["record"], rule["expr"]) for rule in rules() if "record" in rule]
    watched = [Asked(rule["alert"], part) for rule in alerts() for part in series(rule["expr"])]
    return panels + recorded + watched


def series(expr: str) -> set[str]:
    """The series that an expression selects, as one would write them; absent ones may be absent."""
    found: set[str] = set()

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.add(node.prettify())
        return True

    promql_parser.walk(promql_parser.parse(expr), pre_visit=visit)
    return {one for one in found if not any(part in one for part in NEEDS_A_FAILURE)}


@pytest.mark.slow
def test_every_panel_and_every_rule_has_data_of_a_run(shop: Stack, tmp_path: Path) -> None:
    files = sorted(RULES.glob("*.yml"))
    be_paused(shop)
    # a series of jobs begins with what it counts first, which no rate sees
    run(shop)
    with running_prometheus(tmp_path, targets_of(shop), files) as prometheus:
        until(lambda: len(prometheus.ask("up == 1")) == 4)
        run(shop)
        assert_have_data(prometheus, queries())
        loaded = prometheus.http.get("/api/v1/rules").json()["data"]["groups"]
        unwell = [rule for group in loaded for rule in group["rules"] if rule["health"] == "err"]
        assert not unwell


def run(shop: Stack) -> None:
    """A small one, to its end, and what is bought meanwhile."""
    shop.start(200)
    buy(shop)
    refused = CART | {"items": [{"productId": "none-such", "quantity": 1}]}
    assert shop.http.post("/api/checkout", json=refused).status_code == 422
    shop.await_phase("DONE")


def buy(shop: Stack) -> None:
    """Place one order live."""
    answer = shop.http.post("/api/checkout", json=CART)
    assert answer.is_success, answer.text


def be_paused(shop: Stack) -> None:
    """The payment provider fails until it is left alone, and is well again."""
    told = json.loads((shop.folder / "sandbox.json").read_text("utf-8"))
    with httpx.Client(base_url=told["url"], trust_env=False, timeout=30.0) as sandbox:
        fault = {"operation": "authorise", "mode": "fail"}
        assert sandbox.post("/control/faults", json=fault).is_success
        for _ in range(10):
            buy(shop)
        calls = "pedidos_provider_calls_total"
        until(lambda: Scrape(shop, "worker").value(calls, outcome="paused") > 0)
        assert sandbox.delete("/control/faults").is_success


def assert_have_data(prometheus: Prometheus, asked: list[Asked]) -> None:
    """Each of them, at the latest when all that was scraped has been worked into it."""
    empty = asked

    def all_have() -> bool:
        nonlocal empty
        empty = [one for one in empty if not prometheus.ask(one.expr)]
        return not empty

    try:
        until(all_have, DATA_SECONDS, 0.5)
    except AssertionError:
        raise AssertionError("without data:\n" + "\n".join(map(" | ".join, empty))) from None
