"""Guards of what follows from jobs, of head starts, and of looks at a backlog."""

from __future__ import annotations

from tests.mutants.mutant import COMMON, ORCHESTRATOR, REPAIR, Mutant

FOLLOW_UPS = ("tests/contract/jobs/test_follow_ups.py",)
FOLLOWING = ("tests/unit/execution/test_follow_ups.py",)
CHAINS = ("tests/unit/orchestrator/test_follow_up_chains.py",)
TRANSPORT = ("tests/contract/test_transport.py",)

FOLLOW_UP_GUARDS = (
    Mutant(
        "what-was-left-to-follow-is-made",
        f"{ORCHESTRATOR}/engine/reconcile.py",
        "follow_ups = await self._create_follow_ups()",
        "follow_ups: list[Bell] = []",
        REPAIR,
        also=(CHAINS,),
    ),
    Mutant(
        "a-settle-comes-before-what-follows",
        f"{COMMON}/execution/executor.py",
        "                await self._asking.settle(job, outcome, held)\n"
        "                await self._following.make(job, outcome)\n",
        "                await self._following.make(job, outcome)\n"
        "                await self._asking.settle(job, outcome, held)\n",
        FOLLOWING,
    ),
    Mutant(
        "what-follows-is-in-the-settle-s-own-write",
        f"{COMMON}/adapters/mongo/job_changes.py",
        "    fields |= due_fields(follow_ups_of(outcome))\n",
        "",
        FOLLOW_UPS,
    ),
    Mutant(
        "what-was-not-followed-is-not-queued-again",
        f"{COMMON}/adapters/mongo/jobs.py",
        "followed = {**query, **follow_ups.FOLLOWED}",
        "followed = query",
        FOLLOW_UPS,
    ),
    Mutant(
        "what-was-not-followed-is-not-removed",
        f"{COMMON}/adapters/mongo/jobs.py",
        "query |= {**final, **follow_ups.FOLLOWED}",
        "query |= final",
        FOLLOW_UPS,
    ),
    Mutant(
        "what-follows-is-of-confirmed-settles",
        f"{COMMON}/adapters/mongo/jobs.py",
        "confirmed(self._jobs).find(follow_ups.left(",
        "self._jobs.find(follow_ups.left(",
        ("tests/faults/test_unconfirmed.py",),
    ),
    Mutant(
        "a-note-is-of-one-settle",
        f"{COMMON}/adapters/mongo/job_follow_ups.py",
        '        "settledLease": {"$in": [one.lease_id for one in done]},\n',
        "",
        FOLLOW_UPS,
    ),
    Mutant(
        "a-head-start-counts",
        f"{COMMON}/adapters/redis/bells.py",
        "ahead_ms += int(1000 * min(ahead_seconds, MOST_AHEAD_SECONDS))",
        "pass",
        TRANSPORT,
    ),
    Mutant(
        "a-head-start-stays-in-its-band",
        f"{COMMON}/adapters/redis/bells.py",
        "min(ahead_seconds, MOST_AHEAD_SECONDS)",
        "ahead_seconds",
        TRANSPORT,
    ),
    Mutant(
        "a-look-goes-on-behind-the-last-one",
        f"{ORCHESTRATOR}/engine/lost_rings.py",
        "waiting[-1].job_id if is_whole else None",
        "None",
        REPAIR,
    ),
    Mutant(
        "an-emptied-broker-ends-a-rest",
        f"{ORCHESTRATOR}/engine/lost_rings.py",
        "        if emptied_at is not None:\n"
        "            self._behind, self._rest = None, 0.0\n"
        "        elif",
        "        if",
        REPAIR,
    ),
)
