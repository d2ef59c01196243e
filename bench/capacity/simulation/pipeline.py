"""The pipeline as a simulation: chunks, batches, the barrier and the engine that drives them.

What is due when is decided by the product's own `next_step` on its own `RunView`; only what the
work costs is simulated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import replace
from itertools import pairwise

from bench.capacity.simulation.clock import Clock, Permits, Process, Wait
from bench.capacity.simulation.costs import Costs
from bench.capacity.simulation.jobs import START, place_of, settled_job, size_of
from bench.capacity.simulation.machine import Machine, PythonProcess, Store
from bench.capacity.simulation.setup import Outcome, Setup
from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.jobs import Job, NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.pipeline import next_step
from pedidos_common.domain.run_jobs import GENERATION_QUEUE
from pedidos_common.domain.run_view import RunView
from pedidos_common.domain.runs import Phase, Plan, Run, advance
from pedidos_orchestrator.engine.loop import PAUSE_SECONDS, POLL_SECONDS_OF
from pedidos_orchestrator.engine.run_engine import LOOK_AT_ONCE, Pace

LIMIT_SECONDS = 1e6
STEP_SECONDS, LONGEST_IDLE_SECONDS, IDLE_GROWTH = 0.003, 0.05, 1.05


def simulate(setup: Setup, costs: Costs) -> Outcome:
    """Take one run from start to DONE.

    Raises:
        clock.Stuck: when it does not get there.
    """
    return Pipeline(setup, costs).run()


class Pipeline:
    """One run: its parts are processes of one clock."""

    def __init__(self, setup: Setup, costs: Costs) -> None:
        self._setup, self._costs, self._clock = setup, costs, Clock()
        self._machines: list[Machine] = []
        self._idle = costs.idle({"generator": setup.generators, "worker": setup.workers})
        # polls and beats are taken off what there is, rather than simulated one by one
        left = max(setup.cores - sum(self._idle.values()), setup.cores / 10)
        shared = None if setup.shard_cores else self._machine(left)
        self._shared = shared
        shards = [shared or self._machine(setup.shard_cores or 1) for _ in range(setup.shards)]
        self._store = Store(self._clock, shards, costs.journal_seconds)
        self._shards = shards
        self._orchestrator, self._redis = self._process(), self._process()
        plan = Plan(setup.quantity, setup.chunk_size, setup.batch_size, setup.group_size, 1, 1)
        self._run = Run(new_run_id(0, 1), plan, Phase.GENERATING, START)
        self._view = RunView(self._run)
        self._rings: dict[bool, deque[NewJob]] = {True: deque(), False: deque()}
        self._settled: dict[str, Job] = {}
        self._looked_at = 0
        self._called = False
        self._marks: list[tuple[Phase, float]] = [(Phase.GENERATING, 0.0)]
        self.outcome = Outcome()

    def _machine(self, cores: float) -> Machine:
        machine = Machine(self._clock, cores)
        self._machines.append(machine)
        return machine

    def _process(self) -> PythonProcess:
        return PythonProcess(self._clock, self._shared or self._machine(1))

    def run(self) -> Outcome:
        """Let it all happen."""
        setup = self._setup
        numbers = {"generator": setup.generators, "worker": setup.workers}
        processes = {role: [self._process() for _ in range(n)] for role, n in numbers.items()}
        for process in processes["generator"]:
            self._clock.start(self._receive(process, True, setup.chunks_at_once))
        for process in processes["worker"]:
            self._clock.start(self._receive(process, False, setup.slots))
        self._clock.start(self._drive())
        self._clock.run(lambda: self._run.phase is Phase.DONE, LIMIT_SECONDS)
        processes |= {"orchestrator": [self._orchestrator], "redis": [self._redis]}
        used = {role: sum(one.cpu_seconds for one in of) for role, of in processes.items()}
        outcome = self.outcome
        outcome.seconds = self._clock.now
        used["mongod"] = self._store.cpu_seconds
        idle = {role: cores * outcome.seconds for role, cores in self._idle.items()}
        outcome.cpu_seconds = {role: seconds + idle[role] for role, seconds in used.items()}
        offered = sum(machine.cores for machine in set(self._shards)) * outcome.seconds
        outcome.mongod_busy_share = sum(m.busy_seconds for m in set(self._shards)) / offered
        outcome.phases = {
            phase.value: after - at for (phase, at), (_, after) in pairwise(self._marks)
        }
        return outcome

    # -- generators and workers

    def _receive(self, process: PythonProcess, chunks: bool, slots: int) -> Process:
        """Take rings for free slots at once; look the more seldom, the longer no slot is free."""
        rings, free = self._rings[chunks], [slots]
        writes = Permits(self._clock, self._setup.writes_at_once)
        idle = STEP_SECONDS
        while True:
            room = free[0]
            taken = [rings.popleft() for _ in range(min(room, len(rings)))]
            if taken:
                yield from self._redis.run(self._costs.job_redis * len(taken) / 2)
            free[0] -= len(taken)
            for job in taken:
                perform = self._write_chunk if chunks else self._process_batch
                self._clock.start(self._execute(job, perform(process, job, writes), process, free))
            if room:
                idle = STEP_SECONDS
            if not taken:
                yield self._clock.sleep(STEP_SECONDS if room else idle)
                idle = idle if room else min(idle * IDLE_GROWTH, LONGEST_IDLE_SECONDS)

    def _execute(
        self, new: NewJob, work: Process, process: PythonProcess, free: list[int]
    ) -> Process:
        """Claim, perform, settle; then the engine is called."""
        yield from process.run(self._costs.job_client / 2)
        yield from self._store.write(self._costs.job_mongod / 3)
        claimed = self._clock.now
        if new.payload.get("priority") == Priority.NORMAL:
            earlier = self.outcome.first_normal_claimed
            self.outcome.first_normal_claimed = min(claimed, earlier)
        yield from work
        yield from process.run(self._costs.job_client / 2)
        yield from self._store.write(self._costs.job_mongod / 3)
        self._settled[new.id] = settled_job(new, claimed, self._clock.now)
        if new.payload.get("priority") == Priority.VIP:
            self.outcome.last_vip_settled = self._clock.now
        free[0] += 1
        self._called = True

    def _write_chunk(self, process: PythonProcess, job: NewJob, _writes: Permits) -> Process:
        orders = size_of(job)
        yield from process.run(self._costs.generator * orders)
        yield from self._store.write(self._costs.insert * orders, place_of(job))
        self.outcome.inserted[job.id] += 1
        self.outcome.orders_inserted += orders

    def _process_batch(self, process: PythonProcess, job: NewJob, writes: Permits) -> Process:
        orders = size_of(job)
        yield writes.take()
        yield from process.run(self._costs.worker * orders)
        yield from self._store.write(self._costs.update * orders, place_of(job))
        writes.give_back()
        self.outcome.updated[job.id] += 1
        self.outcome.orders_updated += orders

    # -- the engine

    def _drive(self) -> Process:
        """Step, then pause and wait for a call, unless more is known to be due."""
        while True:
            began = self._clock.now
            more = yield from self._step()
            self.outcome.steps += 1
            self.outcome.step_seconds += self._clock.now - began
            if not more:
                poll_at = self._clock.now + POLL_SECONDS_OF[Pace.WAITING]
                while not self._called and self._clock.now < poll_at:
                    yield self._clock.sleep(STEP_SECONDS)
                self._called = False
                yield self._clock.sleep(PAUSE_SECONDS)

    def _step(self) -> Generator[Wait, None, bool]:
        view = self._view
        more = yield from self._absorb()
        due = next_step(self._run.phase, view, self._setup.limits)
        for job in due.jobs:
            view.note_open(job.id, job.payload)
        if due.jobs:
            yield from self._create(list(due.jobs))
        if due.trigger is not None:
            yield from self._store.write(self._costs.job_mongod / 3)
            self._run = replace(self._run, phase=advance(self._run.phase, due.trigger))
            view.run = self._run
            self._marks.append((self._run.phase, self._clock.now))
            return True
        return more or due.more

    def _absorb(self) -> Generator[Wait, None, bool]:
        """As `RunEngine` does: a part at a time; whether to go on at once."""
        view = self._view
        ids = view.outstanding.slice(self._looked_at, LOOK_AT_ONCE)
        yield from self._store.read(self._costs.look_mongod * len(ids))
        settled = [self._settled.pop(job_id) for job_id in ids if job_id in self._settled]
        yield from self._orchestrator.run(self._costs.job_orchestrator / 2 * len(settled))
        for job in settled:
            view.absorb(job)
        is_last = len(ids) < LOOK_AT_ONCE
        self._looked_at = 0 if is_last else self._looked_at + len(ids) - len(settled)
        return bool(settled) and not is_last

    def _create(self, jobs: list[NewJob]) -> Process:
        costs, count = self._costs, len(jobs)
        yield from self._orchestrator.run(costs.job_orchestrator / 2 * count)
        yield from self._store.write(costs.job_mongod / 3 * count)
        yield from self._redis.run(costs.job_redis / 2 * count)
        for job in jobs:
            self._rings[job.queue == GENERATION_QUEUE].append(job)
        waiting = sum(map(len, self._rings.values()))
        self.outcome.rings_at_most = max(self.outcome.rings_at_most, waiting)
