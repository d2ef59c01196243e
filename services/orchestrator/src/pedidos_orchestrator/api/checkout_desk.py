"""The desk that takes checkouts in, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.http.fresh_status import Ages, Fresh
from pedidos_orchestrator.use_cases.checkout.accepting import Desk
from pedidos_orchestrator.use_cases.checkout.ahead import QueuesAhead
from pedidos_orchestrator.use_cases.checkout.checkout_metrics import CheckoutMetrics
from pedidos_orchestrator.use_cases.checkout.estimate import Estimate
from pedidos_orchestrator.use_cases.checkout.here import Deliveries, DoneHere
from pedidos_orchestrator.use_cases.checkout.reading import StatusReading
from pedidos_orchestrator.use_cases.checkout.starting import Starter

# nobody waits for a look at the queues while checkouts come in all the time
OF_THE_QUEUES = Ages(oldest=1.0, oldest_while_reading=2.0, refresh_after=0.25)

# as workers see them
OF_THE_STATES = Ages(oldest=0.25, oldest_while_reading=1.0, refresh_after=0.25)


class Once:
    """Awaits something until it has worked once."""

    def __init__(self, do: Callable[[], Awaitable[None]]) -> None:
        self._do, self._is_done = do, False

    async def __call__(self) -> None:
        """Nothing, once it has worked."""
        if not self._is_done:
            await self._do()
            self._is_done = True


def desk_of(deps: Deps, settings: ApiSettings) -> Desk:
    """The desk on these ports."""
    ports = deps.checkout
    starter = Starter(deps.ledger, deps.transport, ports.checkouts, deps.table)
    ahead = QueuesAhead(
        deps.table, deps.transport, deps.ledger, deps.queue_state, lambda: starter.backlog
    )
    looked = Fresh(ahead, ages=OF_THE_QUEUES)
    reading = StatusReading(ports.checkouts, deps.ledger, ports.orders, ports.payments, deps.runs)
    here = None
    if ports.executor_of is not None:
        states = Fresh(deps.queue_state.read_all, ages=OF_THE_STATES)
        deliveries = Deliveries(deps.ledger, deps.transport, deps.table, states)
        here = DoneHere(ports.executor_of, deliveries, ports.checkouts, settings.sync_slots)
    return Desk(
        checkouts=ports.checkouts,
        ahead=looked,
        starter=starter,
        here=here,
        reading=reading,
        estimate=Estimate(reading.seen),
        metrics=CheckoutMetrics(deps.registry),
        prepared=Once(ports.prepare),
        look_again=looked.forget,
        sync_seconds=settings.sync_seconds,
    )
