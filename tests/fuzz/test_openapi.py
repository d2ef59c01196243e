"""Every route with every check that schemathesis has: what is described is what is answered.

Among its checks: no 5xx, only described statuses, types and shapes, wrong input refused, right
input accepted, no route without a key, no method that is not described.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from structlog.testing import capture_logs

from pedidos_checkout.domain.payments import PaymentEvent
from pedidos_common.ports import QueueStates
from pedidos_common.testing.in_memory_controls import InMemoryQueueState
from pedidos_orchestrator.api.imports import FORMAT_OF, IMPORT_PATH, OPAQUE
from pedidos_orchestrator.api.live import BroadcastEnded, Mailbox, StatusBroadcast
from pedidos_orchestrator.deps import WebhookRefused
from pedidos_orchestrator.http.security import SIGNED_PATH
from tests.unit.api.world import World

KEY = "correct horse battery"
HEADERS = {"x-api-key": KEY}
SLOW_EXAMPLES, FEW_EXAMPLES = 200, 8
ANY_HEALTH = list(HealthCheck)
# files of orders are sent as they are drawn, by each of their names
schemathesis.serializer.alias([name for name in FORMAT_OF if name != "text/csv"], OPAQUE)
# no schema can say which products there are, which keys were used, nor sign
NOT_BY_SCHEMA = frozenset({IMPORT_PATH, "/api/checkout", "/api/payments", SIGNED_PATH})


def _unsigned(_headers: Mapping[str, str], _body: bytes) -> PaymentEvent | None:
    raise WebhookRefused(401, "not signed")


def _app() -> FastAPI:
    """With checkout and webhooks set up, so that their routes answer for themselves."""
    world = World()
    world.deps = replace(world.deps, checkout=replace(world.shop, read_webhook=_unsigned))
    return world.app(api_key=KEY, cancel_wait_seconds=0.01, payment_url="http://provider")


app = _app()
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture(autouse=True)
def _streams_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without end would never be looked at; and each call starts the app anew."""

    async def ended(_mailbox: Mailbox, _seconds: float) -> None:
        raise BroadcastEnded

    monkeypatch.setattr(Mailbox, "take", ended)
    monkeypatch.setattr(StatusBroadcast, "end", lambda _broadcast: None)
    monkeypatch.setattr(app.state.context.broadcast, "_ended", False)


@pytest.fixture(autouse=True)
def _queues_take_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one case holds or drains, others would meet."""

    async def running(_states: InMemoryQueueState) -> QueueStates:
        return QueueStates("running", {})

    monkeypatch.setattr(InMemoryQueueState, "read_all", running)


def check(case: Any) -> None:
    # no schema can say which texts are a CSV file of orders
    excluded = [positive_data_acceptance] if case.operation.path in NOT_BY_SCHEMA else []
    if case.operation.path == "/api/health/queues":  # nobody serves them: told by a described 503
        excluded.append(not_a_server_error)
    if "x-api-key" not in (case.headers or {}):  # what makes such a case wrong is put right here
        excluded.append(negative_data_rejection)
    case.call_and_validate(headers=HEADERS, excluded_checks=excluded)


@pytest.mark.filterwarnings("default")
@schema.parametrize()
@settings(max_examples=FEW_EXAMPLES, deadline=None, suppress_health_check=ANY_HEALTH)
def test_each_route_is_as_described(case: Any) -> None:
    check(case)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("default")
@schema.parametrize()
@settings(max_examples=SLOW_EXAMPLES, deadline=None, suppress_health_check=ANY_HEALTH)
def test_each_route_is_as_described_at_length(case: Any) -> None:
    check(case)
