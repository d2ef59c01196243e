"""arq's worker, made a doorbell: it takes a ring for a free slot and ends at hand-over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic, time
from typing import Any

import structlog
from arq.jobs import SerializationError, deserialize_job_raw
from arq.utils import poll
from arq.worker import Function, Worker, func

from pedidos_common.adapters.redis.arq_client import PrefixedArqRedis
from pedidos_common.adapters.redis.bells import FUNCTION, from_json, job_key, to_json
from pedidos_common.adapters.redis.client import reaching

log = structlog.get_logger(__name__)

STEP_SECONDS = 0.003
LONGEST_IDLE_SECONDS = 0.05
# a twentieth longer each time: a slot that gets free is seen within 5 % of the time waited
IDLE_GROWTH = 1.05
# Redis holds its answer back for so long, and a drain waits for it
RING_WAIT_SECONDS = 0.5
DELIVERY_TIMEOUT_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 2.0
LATEST_MS = 1 << 53


def ignore_wait(*_waited: object) -> None:
    """Note of no ring how long it waited."""


class RingWorker(Worker):
    """Takes rings out of one arq queue and delivers them.

    It differs from arq's worker where arq would compete with the ledger. A ring is *popped*
    (`ZPOPMIN`), so whoever has it is the only one, nothing in progress stays at the head of the
    sorted set to hide what is behind it, and a worker that dies leaves no marks to wait for: the
    ledger knows the job and it is rung again. Many rings cost two round trips together, and at an
    empty queue Redis is waited for (`BZPOPMIN`) instead of asked again and again. arq's retries,
    results, cron, abort and health keys are not used. `waited` is told of each ring that is taken
    how many seconds ago it was rung, by the clocks of both machines.
    """

    def __init__(
        self,
        client: PrefixedArqRedis,
        queue_key: str,
        free_slots: Callable[[], int],
        deliver: Callable[[str], Awaitable[None]],
        is_open: Callable[[], bool],
        waited: Callable[[float], None] = ignore_wait,
    ) -> None:
        async def hand_over(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ARG001
            await deliver(*args)

        super().__init__(
            [func(hand_over, name=FUNCTION)],
            queue_name=queue_key,
            redis_pool=client,
            handle_signals=False,
            max_tries=1,
            keep_result=0,
            job_timeout=DELIVERY_TIMEOUT_SECONDS,
            poll_delay=STEP_SECONDS,
            job_serializer=to_json,
            job_deserializer=from_json,
            log_results=False,
        )
        self._free_slots = free_slots
        self._is_open, self._waited = is_open, waited
        self._polling = asyncio.Lock()
        self._paused_until = 0.0
        self._idle_seconds = STEP_SECONDS
        self._failed_deliveries = 0
        self.interruptions = 0

    async def main(self) -> None:
        """Look at the queue again and again, until a look fails.

        arq's asks for Redis' version first: while Redis hangs it would never come to a look, and
        its process would be taken for stuck.
        """
        async for _ in poll(self.poll_delay_s):
            await self._poll_iteration()

    async def drain(self) -> None:
        """Take no more, and let what was taken be delivered."""
        self.allow_pick_jobs = False
        async with self._polling:
            deliveries = list(self.tasks.values())
        if deliveries:
            await asyncio.wait(deliveries, timeout=DELIVERY_TIMEOUT_SECONDS)

    def _room(self) -> int:
        """Free slots that no ring is on its way to."""
        if not self.allow_pick_jobs or monotonic() < self._paused_until or not self._is_open():
            return 0
        return self._free_slots() - len(self.tasks)

    async def _poll_iteration(self) -> None:
        """One look at the queue; arq repeats it every `STEP_SECONDS`, or when it is over."""
        async with self._polling:
            room = self._room()
            if room > 0:
                self._idle_seconds = STEP_SECONDS
                if not await self._take(room):
                    await self._await_ring()
        if room <= 0:
            await self._idle()

    async def _idle(self) -> None:
        """Sleep the longer, the longer there is no room."""
        await asyncio.sleep(self._idle_seconds)
        self._idle_seconds = min(self._idle_seconds * IDLE_GROWTH, LONGEST_IDLE_SECONDS)

    async def _await_ring(self) -> None:
        """Wait a moment for the next ring, and take it the moment it comes."""
        async with reaching("give rings"):
            popped = await self.pool.bzpopmin(self.queue_name, RING_WAIT_SECONDS)
        if popped is None:
            return
        _queue, member, score = popped
        if self._room() > 0:
            async with reaching("tell what rings are for"):
                await self.start_jobs([member])
        else:  # paused, or filled by another queue's jobs meanwhile
            async with reaching("take a ring back"):
                await self.pool.zadd(self.queue_name, {member: score}, nx=True)

    async def _take(self, room: int) -> int:
        async with reaching("give rings"):
            popped = await self.pool.zpopmin(self.queue_name, room)
        # a bound of its own: over a slow network a new connection takes most of the other one
        async with reaching("tell what rings are for"):
            await self.start_jobs([member for member, _score in popped])
        self._note_recovery()
        return len(popped)

    def _note_recovery(self) -> None:
        if self.interruptions:
            log.info("ring_receiver_recovered", queue=self.queue_name)
            self.interruptions = 0

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start the delivery of rings that were popped; what is no ring of ours is dropped."""
        if not job_ids:
            return
        ids = [member.decode(errors="replace") for member in job_ids]
        async with self.pool.pipeline(transaction=False) as pipe:
            for ring_id in ids:
                pipe.get(job_key(ring_id))
            pipe.delete(*map(job_key, ids))
            *definitions, _deleted = await pipe.execute(raise_on_error=False)
        expired = definitions.count(None)
        if expired:
            log.info("rings_expired", queue=self.queue_name, count=expired)
        for ring_id, definition in zip(ids, definitions, strict=True):
            if definition is not None:
                self._start(ring_id, definition)

    def _start(self, ring_id: str, definition: object) -> None:
        call = self._call_of(definition)
        if call is None:
            log.warning("ring_refused", queue=self.queue_name, ring=ring_id[:200])
            return
        function, job_id, rung_at = call
        # clocks of machines differ by a little
        self._waited(max(0.0, time() - rung_at))
        self.tasks[ring_id] = asyncio.create_task(self._hand_over(ring_id, function, job_id))

    def _call_of(self, definition: object) -> tuple[Function, str, float] | None:
        """The function to call, its job id and when it was rung; None for what is not ours."""
        if not isinstance(definition, bytes):
            return None
        try:
            name, arguments, _, _, rung_ms = deserialize_job_raw(definition, deserializer=from_json)
        except SerializationError:
            return None
        function = self.functions.get(str(name))
        match arguments, rung_ms:
            case [str(job_id)], int() if isinstance(function, Function) and rung_ms < LATEST_MS:
                return function, job_id, rung_ms / 1000
        return None

    async def _hand_over(self, ring_id: str, function: Function, job_id: str) -> None:
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT_SECONDS):
                await function.coroutine(self.ctx, job_id)
            self._failed_deliveries = 0
        except Exception:
            log.exception("ring_delivery_failed", queue=self.queue_name, jobId=job_id)
            self._pause()
        finally:
            self.tasks.pop(ring_id, None)

    def _pause(self) -> None:
        """Whoever can't take one job will hardly take the next: don't empty the queue on it."""
        if monotonic() < self._paused_until:
            return
        self._failed_deliveries = min(self._failed_deliveries + 1, 10)
        seconds = min(0.05 * 2.0**self._failed_deliveries, LONGEST_PAUSE_SECONDS)
        self._paused_until = monotonic() + seconds
