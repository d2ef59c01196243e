"""The doorbell on arq."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import structlog
from redis.asyncio import Redis

from pedidos_common.adapters.redis.arq_client import PrefixedArqRedis, PrefixedPipeline
from pedidos_common.adapters.redis.bells import (
    EXPIRY_MS,
    Names,
    arq_id,
    by_queue,
    definition,
    job_key,
    score,
)
from pedidos_common.adapters.redis.client import reaching
from pedidos_common.adapters.redis.worker import RingWorker, ignore_wait
from pedidos_common.ports import Bell

log = structlog.get_logger(__name__)

BELLS_PER_CALL = 500
LONGEST_BACKOFF_SECONDS = 2.0
MARKER_SECONDS = 2.0


class ArqTransport:
    """Rings are arq jobs: one sorted set for each queue, one arq job for each ring of a job.

    See `pedidos_common.ports.Transport` for what is promised. The client is shared, not owned.
    `waited(queue, seconds)` is told how long each ring that is received here waited to be.
    """

    def __init__(
        self, client: Redis, key_prefix: str, waited: Callable[[str, float], None] = ignore_wait
    ) -> None:
        self._waited = waited
        self._redis = PrefixedArqRedis(client, key_prefix)
        self._names = Names(key_prefix)

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Ring many bells in few round trips; a bell that is held already keeps its place."""
        now_ms = time.time_ns() / 1e6
        async with reaching("take rings"):
            for queue, group in by_queue(bells).items():
                for start, part in _parts(group):
                    async with self._redis.pipeline(transaction=False) as pipe:
                        self._put(pipe, queue, part, now_ms, start)
                        await pipe.execute()

    def _put(
        self, pipe: PrefixedPipeline, queue: str, bells: Sequence[Bell], now_ms: float, start: int
    ) -> None:
        for bell in bells:
            pipe.psetex(job_key(arq_id(bell)), EXPIRY_MS, definition(bell, now_ms))
        # after the definitions, so that nobody takes a ring without one
        scores = {
            arq_id(bell): _score(bell, now_ms, place) for place, bell in enumerate(bells, start)
        }
        pipe.zadd(self._names.queue(queue), scores, nx=True)
        # one whose definition has expired is missed and rung again, while it still has its place
        if former := [arq_id(replace(bell, ring=bell.ring - 1)) for bell in bells if bell.again]:
            pipe.zrem(self._names.queue(queue), *former)
            pipe.delete(*map(job_key, former))

    async def missing(self, bells: Sequence[Bell]) -> Sequence[Bell]:
        """Those bells that are not in their queue, or whose definition has expired."""
        absent: list[Bell] = []
        async with reaching("look for rings"):
            for _start, part in _parts(bells):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for queue, group in by_queue(part).items():
                        pipe.zmscore(self._names.queue(queue), [arq_id(bell) for bell in group])
                    pipe.exists(*(job_key(arq_id(bell)) for bell in part))
                    *places, count = await pipe.execute()
                held = _held(part, places)
                if count < len(part):
                    held &= await self._defined(part)
                absent += [bell for bell in part if bell not in held]
        return absent

    async def _defined(self, bells: Sequence[Bell]) -> set[Bell]:
        """Those whose definitions are there; their number alone is cheap to ask for."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for bell in bells:
                pipe.exists(job_key(arq_id(bell)))
            found = await pipe.execute()
        return {bell for bell, exists in zip(bells, found, strict=True) if exists}

    async def was_emptied(self) -> bool:
        """See `ports.Transport.was_emptied`."""
        async with reaching("tell whether it was emptied", MARKER_SECONDS):
            return bool(await self._redis.set(self._names.marker, b"1", nx=True))

    async def receive(
        self,
        queue: str,
        free_slots: Callable[[], int],
        deliver: Callable[[str], Awaitable[None]],
        is_open: Callable[[], bool],
    ) -> None:
        """Deliver job ids until cancelled; on cancellation, what was taken is still delivered."""
        waited = partial(self._waited, queue)
        worker = RingWorker(
            self._redis, self._names.queue(queue), free_slots, deliver, is_open, waited
        )
        while True:
            try:
                await _run(worker)
            except Exception as error:  # noqa: BLE001 - the doorbell outlives whatever Redis does
                worker.interruptions += 1
                seconds = min(0.1 * 2.0 ** min(worker.interruptions, 10), LONGEST_BACKOFF_SECONDS)
                log.warning(
                    "ring_receiver_interrupted",
                    queue=queue,
                    reason=f"{type(error).__name__}: {error}",
                    retry_in_seconds=seconds,
                )
                await asyncio.sleep(seconds)

    async def purge(self, queue: str) -> int:
        """Forget the rings that the queue holds now."""
        key, purged = self._names.queue(queue), 0
        async with reaching("forget rings", 60.0):
            left = await self._redis.zcard(key)
            while left > 0 and (popped := await self._redis.zpopmin(key, BELLS_PER_CALL)):
                ids = [member.decode(errors="replace") for member, _score in popped]
                await self._redis.delete(*map(job_key, ids))
                purged += len(ids)
                left -= len(ids)
        return purged

    async def depth(self, queue: str) -> int:
        """Rings that wait; what is taken is not counted."""
        async with reaching("count rings"):
            return int(await self._redis.zcard(self._names.queue(queue)))


async def _run(worker: RingWorker) -> None:
    """Run until it fails, or drain it when cancelled."""
    running = asyncio.create_task(worker.main())
    try:
        # shielded: cancelling a pop in flight would lose the rings that it popped
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await worker.drain()
        raise
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _held(bells: Sequence[Bell], places: Sequence[Sequence[float | None]]) -> set[Bell]:
    """Those that have a place in their queue; the places come queue by queue."""
    queues = by_queue(bells).values()
    pairs = [
        pair
        for group, found in zip(queues, places, strict=True)
        for pair in zip(group, found, strict=True)
    ]
    return {bell for bell, place in pairs if place is not None}


def _score(bell: Bell, now_ms: float, place: int) -> float:
    return score(bell.band, now_ms, place, first=bell.goes_first, ahead_seconds=bell.ahead_seconds)


def _parts(bells: Sequence[Bell]) -> Iterator[tuple[int, Sequence[Bell]]]:
    for start in range(0, len(bells), BELLS_PER_CALL):
        yield start, bells[start : start + BELLS_PER_CALL]
