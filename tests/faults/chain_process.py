"""A process that works off a chain of jobs, each of which follows from the one before.

It takes what follows itself, as whoever answers synchronously does. Failpoints may end it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.domain.jobs import Band, Job, JobStatus, NewJob, Outcome, Succeeded
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.ports import Bell
from pedidos_common.testing.eventually import eventually
from tests.faults.hooks import failpoints

ROLE, QUEUE = "chain", "chain"
CHAIN = ["co:0", "co:00", "co:000"]
LEASE_SECONDS = 30.0


def first() -> NewJob:
    """The job that the others follow from."""
    return NewJob(CHAIN[0], "link", QUEUE, Band.HIGH, {"text": "$name"})


async def link(job: Job, _context: JobContext) -> Outcome:
    """Succeed, with the next job of the chain."""
    following = NewJob(f"{job.id}0", "link", QUEUE, Band.HIGH, {"text": "$name"})
    return Succeeded({}, (following,) if following.id in CHAIN else ())


async def always(_scope: str) -> bool:
    """Any scope is open."""
    return True


class Chain:
    """An executor that is delivered what follows from its own jobs."""

    def __init__(self, database: Database, worker: str) -> None:
        self.ledger = MongoJobLedger(database, LEASE_SECONDS, together=True)
        held, gate = HeldLeases(LEASE_SECONDS), ScopeGate(always)
        functions = table([JobFunction("link", link)])
        self.executor = Executor(
            self.ledger, functions, held, gate, worker, slots=5, follow=self.take
        )

    async def take(self, bells: Sequence[Bell]) -> None:
        """Take each of these jobs."""
        for bell in bells:
            await self.executor.deliver(bell.job_id)

    async def is_over(self) -> bool:
        """Whether each job of the chain is there and has succeeded."""
        return (await self.ledger.counts("co"))[JobStatus.SUCCEEDED] == len(CHAIN)


async def _work(mongo_uri: str, name: str) -> None:
    client = connect(mongo_uri, "chain")
    chain = Chain(durable(client, name), "chain process")
    await chain.take(await chain.ledger.create([first()]))
    await eventually(chain.is_over)
    await chain.executor.drain(5.0)
    await client.close()


if __name__ == "__main__":
    failpoints.install(ROLE)
    asyncio.run(_work(*sys.argv[1:]))
