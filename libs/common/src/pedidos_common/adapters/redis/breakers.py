"""Circuit breakers in Redis, each a small record that is changed by compare-and-set.

What happens to a breaker is decided by `domain.breakers` alone: the record and Redis' own time are
read, the record that follows is put in its place if nobody else was quicker. Calls that go well
cost nothing: the record is read once in `FRESH_SECONDS`, and written after a failure only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

import structlog
from redis.asyncio import Redis

from pedidos_common.adapters.redis.bells import Names
from pedidos_common.adapters.redis.client import reaching
from pedidos_common.domain import breakers
from pedidos_common.domain.breakers import Admitted, Breaker, BreakerPolicy, BreakerState, Paused
from pedidos_common.domain.errors import Unavailable

log = structlog.get_logger(__name__)
FRESH_SECONDS = 1.0
REDIS_SECONDS = 1.0  # for one change; a provider's call must not wait for Redis
AWAY_SECONDS = 5.0  # for how long a Redis that did not answer is not asked
KEPT_SECONDS = 3_600.0  # beyond all pauses; what nobody asked for in so long is forgotten
MOST_TRIES = 8
Change = Callable[[Breaker, float], Breaker]

# in place of WATCH, which holds a connection over several round trips
SWAP = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


@dataclass(slots=True)
class _View:
    """What this process knows of a breaker, on its own monotonic clock."""

    breaker: Breaker = breakers.CLOSED
    asked_at: float = float("-inf")


class RedisBreakers:
    """See `pedidos_common.ports.Breakers` for what is promised. The client is shared, not owned.

    `clock` is this process' monotonic one, in seconds.
    """

    def __init__(
        self,
        client: Redis,
        key_prefix: str,
        policy: BreakerPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis, self._names = client, Names(key_prefix)
        self._policy, self._clock = policy, clock
        self._views: dict[str, _View] = {}
        self._away_until = float("-inf")

    def state(self, name: str) -> BreakerState:
        """See `ports.Breakers.state`."""
        return self._view(name).breaker.state(self._clock())

    async def admit(self, name: str) -> Admitted | Paused:
        """See `ports.Breakers.admit`."""
        view = self._view(name)
        if self._clock() - view.asked_at > FRESH_SECONDS:
            await self._change(name, lambda breaker, _now: breaker)
        if view.breaker.state(self._clock()) is not BreakerState.HALF_OPEN:
            return breakers.admit(view.breaker, self._policy, self._clock(), "")[1]
        return await self._try_out(name)

    async def _try_out(self, name: str) -> Admitted | Paused:
        trial = uuid4().hex
        answer: Admitted | Paused = Paused(breakers.LONGEST_TRIAL_WAIT_SECONDS)

        def begin(breaker: Breaker, now: float) -> Breaker:
            nonlocal answer
            after, answer = breakers.admit(breaker, self._policy, now, trial)
            return after

        if await self._change(name, begin) is None:  # others were quicker: one of them tries
            return Paused(breakers.LONGEST_TRIAL_WAIT_SECONDS)
        return answer

    async def succeeded(self, name: str, admitted: Admitted, *, look_up: bool = False) -> None:
        """See `ports.Breakers.succeeded`."""

        def succeed(breaker: Breaker, _now: float) -> Breaker:
            return breakers.succeeded(breaker, admitted, look_up=look_up)

        known = self._view(name).breaker
        if succeed(known, self._clock()) != known:
            await self._change(name, succeed)

    async def failed(self, name: str, admitted: Admitted, *, look_up: bool = False) -> bool:
        """See `ports.Breakers.failed`."""

        def fail(breaker: Breaker, now: float) -> Breaker:
            return breakers.failed(breaker, self._policy, now, admitted, look_up=look_up)

        changed = await self._change(name, fail)
        return changed is not None and changed[1].open_until > changed[0].open_until

    def _view(self, name: str) -> _View:
        return self._views.setdefault(name, _View())

    async def _change(self, name: str, change: Change) -> tuple[Breaker, Breaker] | None:
        """The record before and after; None where others were quicker each time."""
        view = self._view(name)
        view.asked_at = self._clock()
        if view.asked_at >= self._away_until:
            try:
                return await self._change_shared(name, view, change)
            except (Unavailable, TimeoutError) as error:
                self._note_away(error)
        before = view.breaker
        view.breaker = change(before, self._clock())
        return before, view.breaker

    def _note_away(self, error: Exception) -> None:
        self._away_until = self._clock() + AWAY_SECONDS
        log.warning(
            "breakers_not_shared",
            reason=str(error) or "Redis did not answer in time",
            message="Redis does not answer: this process judges providers by what it sees itself",
        )

    async def _change_shared(
        self, name: str, view: _View, change: Change
    ) -> tuple[Breaker, Breaker] | None:
        async with reaching("keep a circuit breaker", REDIS_SECONDS):
            for _ in range(MOST_TRIES):
                kept, now = await self._read(name)
                before = _read_record(kept)
                after = change(before, now)
                if after == before or await self._swap(name, kept, after):
                    view.breaker = breakers.moved(after, self._clock() - now)
                    return before, after
        return None

    async def _read(self, name: str) -> tuple[bytes, float]:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(self._names.breaker(name))
            pipe.time()
            kept, (seconds, micros) = await pipe.execute()
        return kept or b"", seconds + micros / 1e6

    async def _swap(self, name: str, kept: bytes, after: Breaker) -> bool:
        keep_ms = int(
            (KEPT_SECONDS + 2 * self._policy.pause_seconds + self._policy.trial_seconds) * 1000
        )
        record = json.dumps(asdict(after), separators=(",", ":"))
        key = self._names.breaker(name)
        # the driver's types know texts only
        arguments: list[Any] = [key, kept, record, keep_ms]
        swapped: Any = self._redis.eval(SWAP, 1, *arguments)
        return bool(await swapped)


def _read_record(kept: bytes) -> Breaker:
    """The record; what can't be read (another release's, or somebody's own) counts as none."""
    try:
        told = json.loads(kept) if kept else asdict(breakers.CLOSED)
        return Breaker(
            int(told["failures"]),
            float(told["open_until"]),
            str(told["trial"]),
            float(told["trial_until"]),
            int(told.get("changes", 0)),  # an earlier release counts none apart
        )
    except (LookupError, TypeError, ValueError):
        return breakers.CLOSED
