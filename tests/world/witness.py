"""What always holds in a small world, looked at after every step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from pedidos_common.domain.ids import run_of, sequence_of
from pedidos_common.domain.jobs import Job, JobStatus
from pedidos_common.domain.orders import OrderStatus
from pedidos_common.domain.run_jobs import place_of
from pedidos_common.domain.runs import PHASES, Phase, Run
from pedidos_common.ports import OrderRecord
from tests.world.small_world import SmallWorld

FOLLOWS = {(before, after) for (before, _), after in PHASES.items()}


@dataclass(frozen=True)
class Sight:
    """A run as it stands: jobs are read before orders, so what is settled must be written."""

    run: Run
    jobs: Sequence[Job]
    orders: dict[int, OrderRecord]

    @classmethod
    async def of(cls, world: SmallWorld, run: Run) -> Sight:
        jobs = await world.jobs(run)
        orders = {sequence_of(r.order.id): r for r in await world.records(run.id)}
        return cls(await world.run(run), jobs, orders)

    def settled(self, *statuses: JobStatus) -> Iterable[Job]:
        """Jobs of the run that are in one of the statuses."""
        return (job for job in self.jobs if job.status in statuses)


def _range(job: Job) -> range:
    return range(int(job.payload["first"]), int(job.payload["last"]) + 1)


class Witness:
    """Remembers what it saw, so that it can tell what went backwards."""

    def __init__(self, world: SmallWorld) -> None:
        self._world = world
        self._tokens: dict[str, tuple[int, int]] = {}
        self._leases: dict[str, tuple[str, int]] = {}
        self._claims: dict[str, tuple[int, str]] = {}
        self._phases: dict[UUID, tuple[Phase, ...]] = {}
        self._final: dict[UUID, str] = {}

    async def look(self, runs: Iterable[Run]) -> None:
        """Check everything.

        Raises:
            AssertionError: what does not hold.
        """
        assert self._world.breaches == []
        self._epochs_only_rise()
        for run in runs:
            sight = await Sight.of(self._world, run)
            self._tokens_only_rise(sight)
            self._one_valid_lease_a_job(sight)
            self._phases_only_move_forward(sight)
            self._what_is_final_stays_so(sight)
            self._every_accepted_order_is_somewhere(sight)
            self._what_is_settled_is_written(sight)

    def _epochs_only_rise(self) -> None:
        epochs = [epoch for epoch, _ in self._world.reigns]
        assert all(one < two for one, two in pairwise(epochs)), f"two led under one epoch: {epochs}"

    def _tokens_only_rise(self, sight: Sight) -> None:
        for job in sight.jobs:
            token = (job.deliveries, job.ring)
            before = self._tokens.get(job.id, token)
            fell = token[0] < before[0] or token[1] < before[1]
            assert not fell, f"{job.id}: deliveries and ring fell from {before} to {token}"
            self._tokens[job.id] = token
            if job.lease is not None:
                claim = (job.id, job.deliveries)
                assert self._leases.setdefault(job.lease.id, claim) == claim, "a lease came twice"
                last = self._claims.setdefault(job.id, (job.deliveries, job.lease.id))
                if last[1] != job.lease.id:
                    assert job.deliveries > last[0], f"{job.id}: two claims with one number"
                    self._claims[job.id] = (job.deliveries, job.lease.id)

    def _one_valid_lease_a_job(self, sight: Sight) -> None:
        held = [lease.lease_id for w in self._world.workers for lease in w.held._held.values()]
        for job in sight.settled(JobStatus.RUNNING):
            assert job.lease is not None, f"{job.id} runs without a lease"
            assert held.count(job.lease.id) <= 1, f"two hold the valid lease of {job.id}"

    def _phases_only_move_forward(self, sight: Sight) -> None:
        phases = tuple(change.phase for change in sight.run.history)
        known = self._phases.get(sight.run.id, ())
        assert phases[: len(known)] == known, f"{known} became {phases}"
        assert set(pairwise(phases)) <= FOLLOWS, f"{phases} is no way along the table"
        assert phases[-1] is sight.run.phase
        self._phases[sight.run.id] = phases

    def _what_is_final_stays_so(self, sight: Sight) -> None:
        standing = {r.order.id: str(r.status) for r in sight.orders.values()}
        for order_id, status in self._final.items():
            if run_of(order_id) == sight.run.id:
                assert standing.get(order_id) == status, f"order {order_id} was {status}"
        ended = {i: status for i, status in standing.items() if status != OrderStatus.PENDENTE}
        self._final |= ended

    def _every_accepted_order_is_somewhere(self, sight: Sight) -> None:
        """Accepted = processed + failed + open + cancelled, one by one."""
        run, abort = sight.run, sight.run.abort
        chunks = [j for j in sight.settled(JobStatus.SUCCEEDED) if place_of(j.id).priority is None]
        accepted = {number for job in chunks for number in _range(job)}
        stray = set(sight.orders) - set(range(1, run.plan.quantity + 1))
        assert not stray, f"orders {stray} are not in the plan"
        cancelled = accepted - set(sight.orders)
        removes = bool(abort and abort.remove_pending) or bool(
            (run.cancelled or {}).get("deletedPending")
        )
        assert removes or not cancelled, f"orders {sorted(cancelled)} were accepted and are gone"
        counted = sum(int(job.result["vip"]) + int(job.result["normal"]) for job in chunks)
        assert counted == len(accepted), "the chunks' counts are not their orders"

    def _what_is_settled_is_written(self, sight: Sight) -> None:
        for job in sight.settled(JobStatus.SUCCEEDED, JobStatus.FAILED):
            if place_of(job.id).priority is None or "split" in job.result:
                continue
            orders = [str(sight.orders[number].status) for number in _range(job)]
            processed, failed = orders.count("processado"), orders.count("falhou")
            told = (job.result["processed"], job.result["failed"], 0)
            found = (processed, failed, len(orders) - processed - failed)
            assert told == found, f"{job.id} was settled with {told}, and its orders are {found}"
