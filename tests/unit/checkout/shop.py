"""A whole shop in memory: checkouts go through it job by job, under trouble that a test chooses.

Trouble strikes at any call that a step makes of a port: its worker is killed before or behind
it, it hangs until its lease is long gone and goes on then, the provider does not answer though
it did it, or is paused. A test gives the trouble as numbers, one for each call of a provider, and
one for each call of our own stores and each settle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.payments import PaymentEvent
from pedidos_checkout.ports import ProviderPaused
from pedidos_checkout.ports.providers import ProviderUnavailable
from pedidos_checkout.steps.begin import BeginSweep, begin
from pedidos_checkout.steps.functions import StepPorts, step_functions
from pedidos_checkout.steps.webhooks import take_in
from pedidos_checkout.testing.in_memory_shop import InMemoryPlacedOrders, InMemoryStock
from pedidos_checkout.testing.in_memory_stores import (
    InMemoryCheckoutStore,
    InMemoryPaymentBook,
)
from pedidos_common.domain.errors import LeaseLost
from pedidos_common.domain.jobs import OPEN, Job, JobStatus, follow_ups_of
from pedidos_common.execution.perform import is_suspect, must_give_up, perform
from pedidos_common.execution.registry import table
from pedidos_common.ports import Bell, JobFilter, Transport
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from tests.unit.checkout.played_provider import PlayedProvider, Post

LEASE_SECONDS, LONG_SECONDS = 10.0, 60.0
HOLD_SECONDS, WAIT_SECONDS = 120.0, 90.0
MOST_ROUNDS, LONGEST_STEP = 2_000, 30  # the latter in turns of the event loop


class Trouble(IntEnum):
    """What befalls one call."""

    NONE = 0
    KILLED_BEFORE = 1
    KILLED_BEHIND = 2
    HANGS = 3
    NO_ANSWER = 4  # it was not carried out
    NO_ANSWER_BEHIND = 5  # it was
    PAUSED = 6
    TIME_PASSES = 7


T = Trouble
PROVIDERS_ALONE = frozenset({T.NO_ANSWER, T.NO_ANSWER_BEHIND, T.PAUSED})


class Killed(BaseException):
    """The worker is gone in the middle of a step."""


@dataclass
class Context:
    """A `JobContext` on the shop's clock."""

    fence: datetime
    clock: Callable[[], datetime]
    stopping: bool = False

    def ensure_held(self) -> None:
        if self.clock() >= self.fence:
            raise LeaseLost("it ran out")


@dataclass
class Fate:
    """The trouble to come, and who hangs."""

    clock: ManualClock
    at_providers: Iterator[int]
    at_home: Iterator[int]
    hanging: list[asyncio.Event] = field(default_factory=list)

    async def of(self, call: Callable[[], Any], *, is_provider: bool) -> Any:
        trouble = Trouble(next(self.at_providers if is_provider else self.at_home, 0))
        if not is_provider and trouble in PROVIDERS_ALONE:
            trouble = T.NONE
        await self._before(trouble)
        result = await call()
        if trouble is T.KILLED_BEHIND:
            raise Killed
        if trouble is T.NO_ANSWER_BEHIND:
            raise ProviderUnavailable("payment", "call", "time-out")
        return result

    async def _before(self, trouble: Trouble) -> None:
        match trouble:
            case T.KILLED_BEFORE:
                raise Killed
            case T.HANGS:
                self.hanging.append(asyncio.Event())
                await self.hanging[-1].wait()
            case T.NO_ANSWER:
                raise ProviderUnavailable("payment", "call", "time-out")
            case T.PAUSED:
                raise ProviderPaused("payment", 60.0)
            case T.TIME_PASSES:
                self.clock.advance(LONG_SECONDS)


class Troubled:
    """A port whose every call meets its fate."""

    def __init__(self, port: Any, fate: Fate, *, is_provider: bool = False) -> None:
        self._port, self._fate, self._is_provider = port, fate, is_provider

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        async def called(*args: Any, **named: Any) -> Any:
            return await self._fate.of(
                lambda: method(*args, **named), is_provider=self._is_provider
            )

        return called


class Shop:
    """Everything that checkouts need; `run` works until nothing is left to be done."""

    def __init__(
        self, at_providers: Iterable[int] = (), at_home: Iterable[int] = (), **settings: Any
    ) -> None:
        self.clock = ManualClock()
        self.ledger = InMemoryJobLedger(self.clock, LEASE_SECONDS)
        self.transport: Transport = InMemoryTransport()
        self.bells: list[Bell] = []  # of follow-ups, which nobody has rung yet
        self.checkouts = InMemoryCheckoutStore(self.clock)
        self.book = InMemoryPaymentBook(self.clock)
        self.stock = InMemoryStock(self.clock)
        self.orders = InMemoryPlacedOrders(self.clock)
        self.provider, self.post = PlayedProvider(), Post()
        self.fate = Fate(self.clock, iter(at_providers), iter(at_home))
        self.zombies: list[asyncio.Task[Any]] = []
        self.functions = table(step_functions(self._ports(settings)))

    def _ports(self, settings: dict[str, Any]) -> StepPorts:
        def troubled(port: Any, *, is_provider: bool = False) -> Any:
            return Troubled(port, self.fate, is_provider=is_provider)

        values = {"hold_seconds": HOLD_SECONDS, "payment_wait_seconds": WAIT_SECONDS}
        return StepPorts(
            checkouts=self.checkouts,
            ledger=self.ledger,
            book=troubled(self.book),
            stock=troubled(self.stock),
            orders=troubled(self.orders),
            provider=troubled(self.provider, is_provider=True),
            mails=troubled(self.post, is_provider=True),
            texts=troubled(self.post, is_provider=True),
            **values | settings,
        )

    async def place(self, *checkouts: Checkout) -> None:
        """Accept and begin them."""
        for checkout in checkouts:
            await self.checkouts.accept(checkout)
        found = [await self.checkouts.get(checkout.id) for checkout in checkouts]
        await begin([c for c in found if c], self.ledger, self.transport, self.checkouts)

    async def sweep(self) -> None:
        """What the leader does now and then."""
        await BeginSweep(self.checkouts, self.ledger, self.transport).sweep()
        await self.ledger.expire_leases(_open)
        await self.ledger.release_due(1_000)
        left = await self.ledger.left_follow_ups(0.0, 1_000)
        for follow in left:
            await self.ledger.create(follow.jobs)
        await self.ledger.note_followed(left)
        await self.stock.release_expired(1_000)

    async def run(self, *, webhooks: Iterable[int] = ()) -> None:
        """Work at whatever can be worked at, until all jobs are final."""
        webhooks = iter(webhooks)
        for _ in range(MOST_ROUNDS):
            await self.sweep()
            jobs = await self.jobs()
            if not [job for job in jobs if job.status in OPEN]:
                return
            queued = [job for job in jobs if job.status is JobStatus.QUEUED]
            for job in queued:
                await self.deliver(job.id)
                await self.deliver(job.id)  # a ring may come twice
            await self._tell(webhooks)
            self._wake(next(webhooks, 0))
            self.clock.advance(LEASE_SECONDS / 2 if queued else LEASE_SECONDS)
            if self.clock().second % 20 < 10:
                self.provider.customer_confirms()
        raise AssertionError(f"still open: {[j for j in jobs if j.status in OPEN]}")

    async def settle_down(self) -> None:
        """No more trouble: whoever hangs goes on, and all that is open comes to its end."""
        self.fate.at_providers = self.fate.at_home = iter(())
        while self.fate.hanging:
            self._wake(1)
        await asyncio.gather(*self.zombies)
        await self.run()

    async def jobs(self) -> list[Job]:
        """All jobs there are."""
        return list((await self.ledger.page(JobFilter(), 10_000, None)).items)

    async def deliver(self, job_id: str) -> None:
        """One worker takes the job, where it is there to be taken."""
        job = await self.ledger.claim(job_id, "w")
        if job is None or job.lease is None:
            return
        function = self.functions[job.function]
        if is_suspect(job) and not must_give_up(job, function):
            await self.ledger.note_probe(job)
        task = asyncio.create_task(self._worked(job))
        for _ in range(LONGEST_STEP):
            await asyncio.sleep(0)
        if task.done():
            await task
            return
        self.zombies.append(task)
        self.clock.advance(LONG_SECONDS)

    async def _worked(self, job: Job) -> None:
        assert job.lease is not None
        context: Any = Context(job.lease.until, self.clock)
        try:
            outcome = await perform(job, context, self.functions[job.function])
        except (Killed, LeaseLost):
            self.clock.advance(LONG_SECONDS)
            return
        trouble = next(self.fate.at_home, 0)
        if trouble == T.KILLED_BEFORE or not await self.ledger.settle(job, outcome):
            return
        if trouble != T.KILLED_BEHIND:  # then they are left to the leader
            self.bells += await self.ledger.create(follow_ups_of(outcome))

    def _wake(self, number: int) -> None:
        if number and self.fate.hanging:
            self.fate.hanging.pop(number % len(self.fate.hanging)).set()

    async def _tell(self, webhooks: Iterator[int]) -> None:
        """A webhook of any time so far, in any order and any number of times."""
        number = next(webhooks, 0)
        if number and self.provider.told:
            place = number % len(self.provider.told)
            event = PaymentEvent(f"msg_{place}", self.provider.told[place])
            await take_in(event, self.book, self.ledger)


async def _open(_scope: str) -> bool:
    return True
