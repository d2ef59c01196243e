"""The queues, in one place: who may work how much at once, how often, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pedidos_common.domain.jobs import RetryPolicy

GENERATION = "generation"
ORDERS = "orders"
NOTIFICATIONS = "notifications"
PAYMENT_PROCESSING = "payment-processing"
ORDER_PROCESSING = "order-processing"
INVENTORY = "inventory"
EMAIL_NOTIFICATIONS = "email-notifications"
SMS_NOTIFICATIONS = "sms-notifications"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `jobs` started in any `seconds`, over all workers together."""

    jobs: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.jobs}/{self.seconds:g}s"


@dataclass(frozen=True, slots=True)
class Scale:
    """Bounds of a queue's worker processes, and by how many jobs that wait they change.

    Above `grow_above` waiting jobs `grow_by` processes are added, below `shrink_below` one goes.
    """

    least: int = 1
    most: int = 8
    grow_above: int = 100
    shrink_below: int = 10
    grow_by: int = 2


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How one queue is worked.

    `concurrency` is how many of its jobs a worker process runs at once; None leaves that to the
    process's slots. `vip_ahead_seconds` is by how much a VIP's job may overtake. With more than
    `sync_above` jobs waiting, what comes in is done by whoever takes it in, where that has a slot;
    with more than `refuse_above`, what is put off included, it is refused; None never does. The
    newest `keep_completed` and `keep_failed` of its jobs are listed; all stay until their
    retention ends. `worked_within_seconds` is for how long its oldest job may wait before the
    queue counts as stuck.
    """

    name: str
    concurrency: int | None = None
    rate: Rate | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    vip_ahead_seconds: float = 60.0
    sync_above: int | None = None
    refuse_above: int | None = None
    keep_completed: int = 50
    keep_failed: int = 100
    worked_within_seconds: float = 300.0
    scale: Scale = field(default_factory=Scale)


def _by_name(*policies: QueuePolicy) -> Mapping[str, QueuePolicy]:
    return {policy.name: policy for policy in policies}


RUN_QUEUES = (GENERATION, ORDERS, NOTIFICATIONS)
CHECKOUT_QUEUES = (
    PAYMENT_PROCESSING,
    ORDER_PROCESSING,
    INVENTORY,
    EMAIL_NOTIFICATIONS,
    SMS_NOTIFICATIONS,
)
# what a worker may serve
WORKER_QUEUES = (ORDERS, NOTIFICATIONS, *CHECKOUT_QUEUES)
DEFAULTS: Mapping[str, QueuePolicy] = _by_name(
    QueuePolicy(GENERATION),
    QueuePolicy(ORDERS),
    QueuePolicy(NOTIFICATIONS),
    QueuePolicy(PAYMENT_PROCESSING, concurrency=3, sync_above=10_000, refuse_above=20_000),
    QueuePolicy(ORDER_PROCESSING, concurrency=2, sync_above=10_000, refuse_above=20_000),
    QueuePolicy(INVENTORY, concurrency=5, sync_above=10_000, refuse_above=20_000),
    QueuePolicy(EMAIL_NOTIFICATIONS, concurrency=5),
    QueuePolicy(SMS_NOTIFICATIONS, concurrency=5),
)
QUEUES = tuple(DEFAULTS)


def stands_by_age(queue: str) -> bool:
    """Whether a job that is rung again keeps the place of its age; elsewhere it goes first."""
    return queue in CHECKOUT_QUEUES


@dataclass(frozen=True, slots=True)
class QueueTable:
    """Every queue's policy, by name: what this release comes with, and what was changed of it."""

    policies: Mapping[str, QueuePolicy] = field(default_factory=lambda: DEFAULTS)

    def __getitem__(self, name: str) -> QueuePolicy:
        """The queue's policy.

        Raises:
            KeyError: where there is no such queue.
        """
        return self.policies[name]

    def __contains__(self, name: object) -> bool:
        return name in self.policies

    def rates_of(self, queues: Iterable[str]) -> Mapping[str, Rate]:
        """The rates of those of the queues that have one."""
        found = {name: self.policies[name].rate for name in queues if name in self}
        return {name: rate for name, rate in found.items() if rate is not None}

    def own_slots_of(self, queues: Iterable[str]) -> Mapping[str, int]:
        """How many jobs a process runs at once, of those of the queues for which that is said."""
        found = {name: self.policies[name].concurrency for name in queues if name in self}
        return {name: slots for name, slots in found.items() if slots is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """All queues, those of runs first."""
        return tuple(self.policies)
