"""A process that executes jobs: receivers, executor, heartbeat and drain, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Job, Outcome
from pedidos_common.domain.queues import RUN_QUEUES, QueueTable
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.heartbeat import Heartbeat, Rhythm
from pedidos_common.execution.job_watch import JobWatch
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.life_signs import LifeSigns, Turned, ignore_turn
from pedidos_common.execution.registry import JobFunction
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.execution.slots import slots_of
from pedidos_common.execution.turns import Turns
from pedidos_common.ports import (
    ENGINE_TOPIC,
    Events,
    JobLedger,
    LeaseKeeper,
    ProcessReport,
    QueueState,
    QueueStates,
    Tracing,
    Transport,
    Turnstile,
    Untraced,
)

log = structlog.get_logger(__name__)
STATE_POLL_SECONDS = 0.25
RECEIVER_PAUSE_SECONDS = 0.5
BEATS_PER_LEASE = 3.3


@dataclass(frozen=True, slots=True)
class Duties:
    """Who a process is and what it takes on.

    `slots` is how many jobs it runs at once of queues for which `table` does not say it.
    """

    name: str
    service: str
    host: str
    pid: int
    queues: Sequence[str]
    slots: int
    lease_seconds: float = 10.0
    drain_seconds: float = 20.0
    table: QueueTable = field(default_factory=QueueTable)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The ports that executing jobs needs. `scope_is_open` tells of a run's end or cancel.

    Without a `turnstile` queues have no rates.
    """

    ledger: JobLedger
    keeper: LeaseKeeper
    transport: Transport
    events: Events
    queue_state: QueueState
    scope_is_open: Callable[[str], Awaitable[bool]]
    tracing: Tracing = field(default_factory=Untraced)
    turnstile: Turnstile | None = None


class QueueWatch:
    """Keeps the durable states of the queues at hand, so that asking them costs nothing."""

    def __init__(self, state: QueueState) -> None:
        self._state = state
        self._known: QueueStates | None = None

    def is_open(self, queue: str) -> bool:
        """Whether jobs of the queue may be taken; not before its state was read once."""
        return self._known is not None and self._known.is_worked(queue)

    async def run(self, turned: Turned = ignore_turn) -> None:
        """Read the states again and again; the last ones known hold while they can't be read."""
        while True:
            turned()
            try:
                self._known = await self._state.read_all()
            except Unavailable as error:
                log.warning("queue_state_unreadable", error=str(error)[:200])
            except Exception:
                log.exception("queue_watch_failed")
            await asyncio.sleep(STATE_POLL_SECONDS)


def _executor(
    duties: Duties,
    around: Surroundings,
    functions: Mapping[str, JobFunction],
    held: HeldLeases,
    jobs: JobWatch,
) -> Executor:
    async def observe(job: Job, outcome: Outcome, seconds: float) -> None:
        jobs.ended(job, outcome, seconds)
        if job.queue in RUN_QUEUES:
            await around.events.publish(ENGINE_TOPIC)

    gate = ScopeGate(around.scope_is_open)
    own = duties.table.own_slots_of(duties.queues)
    executor = Executor(
        around.ledger,
        functions,
        held,
        gate,
        worker=duties.name,
        slots=slots_of(duties.queues, duties.slots, own),
        observe=observe,
        watch=jobs,
        tracing=around.tracing,
        follow=around.transport.ring,
        turns=Turns(around.turnstile, duties.table.rates_of(duties.queues)),
    )
    jobs.works(executor.slots)
    return executor


def _heartbeat(
    duties: Duties,
    around: Surroundings,
    held: HeldLeases,
    executor: Executor,
    signs: LifeSigns,
) -> Heartbeat:
    def report() -> ProcessReport:
        return ProcessReport(
            name=duties.name,
            service=duties.service,
            host=duties.host,
            pid=duties.pid,
            queues=duties.queues,
            slots=executor.slots.total,
            busy=executor.busy,
        )

    rhythm = Rhythm(every_seconds=duties.lease_seconds / BEATS_PER_LEASE)
    return Heartbeat(around.keeper, held, report, rhythm, signs=signs)


async def execute_jobs(
    duties: Duties,
    around: Surroundings,
    functions: Mapping[str, JobFunction],
    stop: asyncio.Event,
    jobs: JobWatch,
    signs: LifeSigns | None = None,
) -> None:
    """Execute jobs of the queues until `stop` is set, then drain and leave.

    `jobs` is told what becomes of them. `signs` tell whoever answers probes whether every part
    turns.
    """
    signs = signs or LifeSigns()
    held = HeldLeases(duties.lease_seconds)
    executor = _executor(duties, around, functions, held, jobs)
    heartbeat = _heartbeat(duties, around, held, executor, signs)
    watch = QueueWatch(around.queue_state)
    heartbeat.start(asyncio.get_running_loop())
    watched = signs.part("queue watch", mongodb_calls=1)
    watching = asyncio.create_task(watch.run(watched), name="queue watch")
    await _take_back(duties.name, around, stop, jobs)
    receiving = [
        asyncio.create_task(
            _receive(queue, around, executor, watch, signs), name=f"receive {queue}"
        )
        for queue in duties.queues
    ]
    log.info("execution_started", queues=list(duties.queues), slots=executor.slots.total)
    try:
        await stop.wait()
        executor.stopping = True
        # what was taken is still delivered, so this comes before the drain
        await _cancel(receiving)
        await executor.drain(duties.drain_seconds)
    finally:
        await _cancel([watching, *receiving])
        await asyncio.to_thread(heartbeat.stop)
    log.info("execution_stopped")


async def _take_back(name: str, around: Surroundings, stop: asyncio.Event, jobs: JobWatch) -> None:
    """What an earlier process of this name had goes to others now, instead of after its lease."""
    while not stop.is_set():
        try:
            count = await around.ledger.take_back(name, around.scope_is_open)
        except Unavailable as error:
            log.warning("jobs_not_taken_back_yet", error=str(error)[:200])
            await asyncio.sleep(RECEIVER_PAUSE_SECONDS)
            continue
        except Exception:  # they are left to their leases
            log.exception("taking_back_failed")
            return
        if count:
            log.warning("jobs_taken_back", count=count)
            jobs.taken_back(count)
        return


async def _receive(
    queue: str, around: Surroundings, executor: Executor, watch: QueueWatch, signs: LifeSigns
) -> None:
    """Take rings until cancelled; a receiver that fails or ends is started again."""
    turned = signs.part(f"receive {queue}")

    def is_open() -> bool:
        turned()  # it asks with each look at the queue
        return watch.is_open(queue)

    def free_slots() -> int:
        return executor.free_slots(queue)

    async def deliver(job_id: str) -> None:
        await executor.deliver(job_id, queue)

    while True:
        try:
            await around.transport.receive(queue, free_slots, deliver, is_open)
        except Exception:
            log.exception("receiver_failed", queue=queue)
        await asyncio.sleep(RECEIVER_PAUSE_SECONDS)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=5.0)
