"""The desk that takes checkouts in, put together."""

from __future__ import annotations

from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.http.fresh_status import Ages, Fresh
from pedidos_orchestrator.use_cases.checkout.accepting import Desk
from pedidos_orchestrator.use_cases.checkout.ahead import QueuesAhead
from pedidos_orchestrator.use_cases.checkout.checkout_metrics import CheckoutMetrics
from pedidos_orchestrator.use_cases.checkout.estimate import Estimate
from pedidos_orchestrator.use_cases.checkout.here import DoneHere
from pedidos_orchestrator.use_cases.checkout.reading import StatusReading
from pedidos_orchestrator.use_cases.checkout.starting import Starter

# nobody waits for a look at the queues while checkouts come in all the time
OF_THE_QUEUES = Ages(oldest=1.0, oldest_while_reading=2.0, refresh_after=0.25)


def desk_of(deps: Deps, settings: ApiSettings) -> Desk:
    """The desk on these ports."""
    ports = deps.checkout
    starter = Starter(deps.ledger, deps.transport, ports.checkouts, ports.table)
    ahead = QueuesAhead(
        ports.table, deps.transport, deps.ledger, deps.queue_state, lambda: starter.backlog
    )
    reading = StatusReading(ports.checkouts, deps.ledger, ports.orders, deps.runs)
    here = None
    if ports.executor_of is not None:
        here = DoneHere(ports.executor_of, deps.transport, starter, settings.sync_slots)
    return Desk(
        checkouts=ports.checkouts,
        ahead=Fresh(ahead, ages=OF_THE_QUEUES),
        starter=starter,
        here=here,
        reading=reading,
        estimate=Estimate(reading.took),
        metrics=CheckoutMetrics(deps.registry),
        sync_seconds=settings.sync_seconds,
    )
