"""The reconciliation on a real MongoDB, against the sandbox's list of payments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from pedidos_checkout.adapters.http.json_calls import JsonCalls, Target
from pedidos_checkout.adapters.http.payments import HttpPayments
from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.indexes import ensure_checkout_indexes
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.reconciliations import MongoReconciliations
from pedidos_checkout.adapters.mongo.removals import MongoRemovals
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.payments import PaymentStatus
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.domain.reconciliation import reconcile_job_now
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import PAYMENT
from pedidos_checkout.steps.comparing_payments import Ages
from pedidos_checkout.steps.functions import StepPorts, reconciling_of, step_functions
from pedidos_checkout.steps.reconciling import Reconciling
from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.domain.jobs import NewJob, Succeeded
from pedidos_common.execution.registry import table
from tests.contract.carts import FOREVER, LONG_AGO, a_checkout
from tests.sandbox import Sandbox
from tests.unit.checkout.shop import Context


@pytest.fixture
async def ports(sandbox: Sandbox, mongo_uri: str, mongo_database: str) -> AsyncIterator[StepPorts]:
    target = Target(PAYMENT, sandbox.url, sandbox.api_key, "look at PAYMENT_URL")
    calls = JsonCalls(target, 5.0, 4)
    async with connect(mongo_uri, "reconciling") as client:
        database = durable(client, mongo_database)
        await ensure_indexes(database)
        await ensure_checkout_indexes(database)
        yield StepPorts(
            checkouts=MongoCheckoutStore(database),
            ledger=MongoJobLedger(database, 10.0),
            book=MongoPaymentBook(database),
            stock=MongoStock(database),
            orders=MongoPlacedOrders(database),
            provider=HttpPayments(calls),
            reconciliations=MongoReconciliations(database),
            removals=MongoRemovals(database),
        )
    await calls.close()


async def _captured(ports: StepPorts, number: int) -> Checkout:
    """A checkout whose money was taken, and nothing else is known of it."""
    checkout = a_checkout(number)
    await ports.checkouts.accept(checkout)
    told = await ports.provider.authorise(
        job_id(checkout, Step.PAYMENT), checkout.payment_id, checkout.total, "EUR", "tok_ok"
    )
    await ports.provider.capture(job_id(checkout, Step.CAPTURE), told.id)
    return checkout


async def _worked(ports: StepPorts, job: NewJob | str) -> Succeeded:
    """What a worker does with a job."""
    if isinstance(job, NewJob):
        await ports.ledger.create([job])
    name = job.id if isinstance(job, NewJob) else job
    claimed = await ports.ledger.claim(name, "w")
    assert claimed is not None
    comparison = reconciling_of(ports)
    assert comparison is not None
    at_once: Reconciling = replace(comparison, ages=Ages(0.0, 0.0))
    functions = {**table(step_functions(ports)), "reconcile-payments": at_once.as_function()}
    # what the provider made a moment ago is old by then
    later = replace(claimed, claimed_at=claimed.claimed_at and claimed.claimed_at + timedelta(1))
    outcome = await functions[claimed.function].perform(later, Context(FOREVER, lambda: LONG_AGO))
    assert isinstance(outcome, Succeeded)
    assert await ports.ledger.settle(claimed, outcome)
    return outcome


async def test_money_without_an_order_goes_back_and_the_rest_is_left_alone(
    ports: StepPorts, sandbox: Sandbox
) -> None:
    lost, ordered = await _captured(ports, 1), await _captured(ports, 2)
    await ports.orders.create(order_of(ordered), FOREVER)
    await ports.orders.confirm(ordered.id, FOREVER)
    first = await _worked(ports, reconcile_job_now(FOREVER))
    assert first.result["counts"] == {"record_behind": 2, "captured_without_order": 1}
    for step in (Step.UNDO_ORDER, Step.UNDO_STOCK, Step.UNDO_PAYMENT, Step.RECOVERY):
        await _worked(ports, job_id(lost, step))
    again = await _worked(ports, reconcile_job_now(FOREVER + timedelta(seconds=1)))
    assert again.result["counts"] == {}
    standing = {one.reference: one.status for one in sandbox.payments()}
    assert standing == {lost.payment_id: "refunded", ordered.payment_id: "captured"}
    known = await ports.book.among([lost.payment_id, ordered.payment_id])
    assert [known[one.payment_id].status for one in (lost, ordered)] == [
        PaymentStatus.REFUNDED,
        PaymentStatus.CAPTURED,
    ]
    assert ports.reconciliations is not None
    assert len((await ports.reconciliations.page(9, None)).items) == 2
