"""What the application needs from the outside: small protocols that state guarantees.

Adapters keep them (`adapters/`), `testing/` has in-memory ones, and one contract suite runs
against both. Every method may raise `errors.Unavailable` when its server does not answer in
time; it never hangs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Band, Job, JobStatus, NewJob, Outcome
from pedidos_common.domain.orders import Order, OrderFailure, Priority, StatusCounts
from pedidos_common.domain.runs import AbortRequest, Phase, Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing; `cursor` asks for the next one and is None on the last."""

    items: Sequence[T]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a listing wants; an empty field does not filter."""

    statuses: Sequence[JobStatus] = ()
    queue: str | None = None
    scope: str | None = None
    function: str | None = None


@dataclass(frozen=True, slots=True)
class Bell:
    """One ring for one job: enough for a broker to wake a worker."""

    job_id: str
    queue: str
    band: Band
    ring: int


class JobLedger(Protocol):
    """The truth about every job. Writes are durable before they return."""

    async def create(self, jobs: Sequence[NewJob]) -> Sequence[Bell]:
        """Insert the jobs that are absent; return a bell for each of these jobs that is queued."""
        ...

    async def claim(self, job_id: str, worker: str) -> Job | None:
        """Take a queued job under a new lease; None when it is not there to be taken."""
        ...

    async def note_probe(self, job: Job) -> bool:
        """Note that the job now runs alone in its process; False when its lease is gone."""
        ...

    async def settle(self, job: Job, outcome: Outcome) -> bool:
        """Record the outcome if the job's lease still holds; False for a stale worker."""
        ...

    async def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        ...

    async def page(self, wanted: JobFilter, limit: int, cursor: str | None) -> Page[Job]:
        """Jobs newest first, at most `limit`."""
        ...

    async def counts(self, scope: str | None = None) -> Mapping[JobStatus, int]:
        """How many jobs stand where, of one scope or of all."""
        ...

    async def settled_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """Those of the named jobs that are final."""
        ...

    async def started_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """Those of the named jobs that are running or retrying."""
        ...

    def of_scope(self, scope: str) -> AsyncIterator[Job]:
        """Every job of the scope, by id."""
        ...

    async def cancel_scope(self, scope: str) -> int:
        """Cancel what is queued or retrying in the scope; running jobs end by themselves."""
        ...

    async def resume_scope(self, scope: str, functions: Sequence[str]) -> Sequence[Bell]:
        """Queue again what was cancelled in the scope, and what failed of `functions`."""
        ...

    async def running(self, scope: str | None = None) -> int:
        """How many jobs are running now."""
        ...

    async def expire_leases(self, scope_is_open: Callable[[str], Awaitable[bool]]) -> int:
        """Queue again (or cancel, where the scope is closed) every job whose lease ran out."""
        ...

    async def release_due(self, limit: int) -> Sequence[Bell]:
        """Queue the retrying jobs whose time has come; bells for them."""
        ...

    async def silent(self, older_than_seconds: float, limit: int) -> Sequence[Bell]:
        """Queued jobs whose last ring is older than that, oldest first."""
        ...

    async def rang(self, bells: Sequence[Bell]) -> None:
        """Note that these bells were rung just now."""
        ...

    async def remove_settled(self, status: JobStatus, scope: str | None) -> int:
        """Delete the final jobs with this status, of a scope or of none; how many."""
        ...

    async def remove(self, scope: str | None = None, settled_before: datetime | None = None) -> int:
        """Delete jobs of a scope, or final ones settled before a time; how many."""
        ...


class LeaseKeeper(Protocol):
    """Extends leases from a thread of its own; blocking on purpose."""

    def beat(self, process: ProcessReport, lease_ids: Mapping[str, str]) -> BeatReply:
        """Write one heartbeat and extend the leases {lease id: job id} in one update."""
        ...

    def farewell(self, name: str) -> None:
        """Take the process off the live ones at once."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What a process says of itself with each heartbeat."""

    name: str
    service: str
    host: str
    pid: int
    queues: Sequence[str] = ()
    slots: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class BeatReply:
    """`until`: server time to which the leases are extended; `lost`: lease ids that are gone."""

    until: datetime
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A live process and when its last heartbeat arrived, by the database server's clock."""

    report: ProcessReport
    seen_at: datetime
    age_seconds: float


class Transport(Protocol):
    """The doorbell. It may lose, repeat, delay or reorder rings: the ledger is the truth."""

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Wake a worker for each of these jobs, the lowest band first, then first come."""
        ...

    async def missing(self, bells: Sequence[Bell]) -> Sequence[Bell]:
        """Those bells that the broker does not hold (taken, lost or never rung)."""
        ...

    async def receive(
        self,
        queue: str,
        free_slots: Callable[[], int],
        deliver: Callable[[str], Awaitable[None]],
        is_open: Callable[[], bool],
    ) -> None:
        """Deliver job ids of rings until cancelled.

        Never takes more rings than there are free slots, none while `is_open()` is false, and
        survives the broker's absence. A ring is gone from the broker once `deliver` returned.
        """
        ...

    async def purge(self, queue: str) -> int:
        """Forget every ring of the queue; how many."""
        ...

    async def depth(self, queue: str) -> int:
        """How many rings the broker holds for the queue."""
        ...


class Events(Protocol):
    """Wake-up calls between processes. They may get lost; whoever waits also polls."""

    async def publish(self, topic: str) -> None:
        """Wake whoever listens to the topic. Never raises: a lost call is only a delay."""
        ...

    def listen(self, topic: str) -> AsyncIterator[None]:
        """Yields once per (coalesced) call, until closed; survives the broker's absence."""
        ...

    async def close(self) -> None:
        """Send what was published and not sent yet; bounded."""
        ...


@dataclass(frozen=True, slots=True)
class LogLine:
    """One structured log line of any service, as gathered."""

    service: str
    level: str
    text: str


class LogGathering(Protocol):
    """The newest log lines of all services, bounded."""

    async def append(self, lines: Sequence[LogLine]) -> None:
        """Keep these lines, dropping the oldest beyond the bound."""
        ...

    async def newest(
        self, limit: int, level: str | None = None, service: str | None = None
    ) -> Sequence[str]:
        """The newest `limit` lines that match, oldest first."""
        ...

    async def clear(self) -> None:
        """Forget all lines."""
        ...


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a listing wants; None does not filter."""

    run_id: UUID | None = None
    priority: Priority | None = None
    status: str | None = None
    tier: str | None = None
    cliente: str | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order with all that is stored about it, for listings and exports."""

    order: Order
    status: str
    observacoes: str
    processed_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None


class EncodedOrders(Protocol):
    """The orders of one chunk, encoded for the store: VIP ones first, ids rising."""

    @property
    def range(self) -> OrderRange:
        """The ids of all of them."""
        ...

    @property
    def vip(self) -> int:
        """How many of them are VIP."""
        ...


class OrderStore(Protocol):
    """Orders. Every change filters on `status: pendente`, so it happens once."""

    async def insert_chunk(self, orders: Any, redelivered: bool) -> int:
        """Write the orders of a chunk, each once however often this is called.

        Returns how many of them are in the store afterwards.
        """
        ...

    async def read_pending(self, orders: OrderRange, limit: int) -> Sequence[Order]:
        """The first `limit` orders of the range that are pendente, by id."""
        ...

    async def read_pending_among(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """Those of these orders that are pendente, by id."""
        ...

    async def mark_processed(
        self,
        orders: OrderRange,
        observacoes: str,
        fence: datetime,
        except_ids: Sequence[UUID] = (),
    ) -> int:
        """Make the range's pendente orders processado, except some; how many changed.

        Refused by the server when its clock is past `fence` (the lease's end).
        """
        ...

    async def mark_each(self, observations: Mapping[UUID, str], fence: datetime) -> int:
        """Make these pendente orders processado, each with its own observation; how many."""
        ...

    async def mark_failures(self, failures: Sequence[OrderFailure], fence: datetime) -> int:
        """Count a failed attempt of each order, and make the final ones falhou."""
        ...

    async def fail_rest(self, orders: OrderRange, error: str, fence: datetime) -> int:
        """Make what is still pendente in the range falhou; how many."""
        ...

    async def count(self, orders: OrderRange) -> StatusCounts:
        """How many orders of the range stand where."""
        ...

    async def get(self, order_id: UUID) -> OrderRecord | None:
        """The order, or None."""
        ...

    async def page(self, wanted: OrderFilter, limit: int, cursor: str | None) -> Page[OrderRecord]:
        """Orders by id, at most `limit`."""
        ...

    def export(self, run_id: UUID) -> AsyncIterator[OrderRecord]:
        """Every order of a run, by id."""
        ...

    async def delete_pending(self, orders: OrderRange) -> int:
        """Delete the pendente orders of the range; how many."""
        ...

    async def delete(self, orders: OrderRange | None) -> int:
        """Delete every order of the range, or all orders; how many."""
        ...

    async def delete_before(self, run_id: UUID) -> int:
        """Delete every order of runs that started before this one; how many."""
        ...

    async def revive(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """Make those of these orders that are falhou pendente again, with no attempts; which."""
        ...

    async def erase_customer(self, cliente: str) -> int:
        """Replace the customer's name wherever it stands in orders; how many orders."""
        ...


class RunStore(Protocol):
    """Runs. At most one is active; engine writes are fenced by the leader's epoch."""

    async def start(self, run: Run) -> Run:
        """Insert the run, which is IDLE, as the active one and start it; the run as stored.

        Its times are the server's.

        Raises:
            RunAlreadyActive: when another run is active.
        """
        ...

    async def get(self, run_id: UUID) -> Run | None:
        """The run, or None."""
        ...

    async def active(self) -> Run | None:
        """The active run, or None."""
        ...

    async def current(self) -> Run | None:
        """The run that was started or resumed last since the last reset, or None; one read."""
        ...

    async def page(self, limit: int, cursor: str | None) -> Page[Run]:
        """Runs newest first."""
        ...

    async def move(
        self, run: Run, to: Phase, epoch: int, fields: Mapping[str, Any] | None = None
    ) -> Run | None:
        """Compare-and-set the phase (and top-level `fields`), noting the server's time.

        None when the phase has moved meanwhile, or a later leader has written.
        """
        ...

    async def project(self, run_id: UUID, live: Mapping[str, Any], epoch: int) -> datetime | None:
        """Write the live figures; the server's time of that, or None for an old leader."""
        ...

    async def annotate(self, run_id: UUID, fields: Mapping[str, Any]) -> None:
        """Set fields that say something about a run that is over (receipt, import report)."""
        ...

    async def request_abort(self, run_id: UUID, abort: AbortRequest) -> bool:
        """Ask for the active run's end; False when it is not active."""
        ...

    async def resume(self, run_id: UUID) -> Run:
        """Make an ABORTED or ERROR run active again.

        Raises:
            RunAlreadyActive: when another run is active.
            InvalidTransition: when the run's phase can't be resumed.
        """
        ...

    async def is_open(self, scope: str) -> bool:
        """Whether the run of that id is active and not asked to end."""
        ...

    async def forget(self, history: bool) -> None:
        """Back to IDLE: hide every run from `current`, or delete them all (`history`)."""
        ...


class LeaderLease(Protocol):
    """One holder at a time over all processes, with an epoch that only rises."""

    async def acquire(self, holder: str, lease_seconds: float) -> int | None:
        """Take or extend the lease; its epoch, or None while another holds it."""
        ...

    async def release(self, holder: str) -> None:
        """Give the lease up at once, if held."""
        ...


class QueueState(Protocol):
    """Whether workers may take new jobs: `running`, `paused` or `closed`; durable."""

    async def read(self) -> str:
        """The present state."""
        ...

    async def write(self, state: str) -> None:
        """Change it."""
        ...


class Processes(Protocol):
    """Which processes are alive."""

    async def live(self, within_seconds: float) -> Sequence[ProcessSeen]:
        """Processes whose last heartbeat is at most that old."""
        ...


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One accepted row of an import: `line` is its line number in the file, from 1."""

    line: int
    cliente: str
    valor_cents: int
    tier: str | None = None
    external_id: str | None = None
    ordered_at: datetime | None = None
    quantidade: int | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejected row of an import, with its line number and the reason."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of an upload.

    `rejections` holds the first 1,000; `rejected` counts them all. `tiers` counts accepted rows.
    """

    id: str
    sha256: str
    size_bytes: int
    rows: int
    accepted: int
    rejected: int
    rejections: Sequence[Rejection] = ()
    tiers: Mapping[str, int] = field(default_factory=dict)
    tier_rule: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    ignored_columns: Sequence[str] = ()


class ImportStore(Protocol):
    """Staged imports: whole and durable before a run uses them."""

    async def begin(self, import_id: str, filename: str) -> None:
        """Open a new staged import."""
        ...

    async def append(self, import_id: str, rows: Sequence[ImportRow]) -> Sequence[Rejection]:
        """Stage rows; those whose external id was taken before come back rejected."""
        ...

    async def rank_customers(self, import_id: str) -> Mapping[str, int]:
        """Give each customer the tier that O-14's rule says; accepted rows by tier."""
        ...

    async def finish(self, report: ImportReport, chunk_size: int) -> None:
        """Seal the import: rows are numbered and cut into chunks."""
        ...

    async def chunk(self, import_id: str, first: int, last: int) -> Sequence[ImportRow]:
        """Accepted rows `first` to `last` (from 1), each with its tier."""
        ...

    async def report(self, import_id: str) -> ImportReport | None:
        """The report of a sealed import, or None."""
        ...

    async def forget_rows(self, import_id: str) -> None:
        """Forget the rows of an import whose orders are all written; its report stays."""
        ...

    async def holds_customer(self, cliente: str) -> bool:
        """Whether rows of this customer are still staged."""
        ...

    async def discard(self, import_id: str) -> None:
        """Forget a staged import that no run uses."""
        ...

    async def clear(self) -> None:
        """Forget every import."""
        ...
