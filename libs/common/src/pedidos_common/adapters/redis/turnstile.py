"""Rates of queues, counted in Redis by the library `limits`."""

from __future__ import annotations

import time

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from pedidos_common.adapters.redis.client import Redis, reaching
from pedidos_common.domain.queues import Rate

# what the library tells has a hundred-thousandth of a second
SPARE_SECONDS = 0.002


class RedisTurnstile:
    """`ports.Turnstile` as a moving window: a list of the last `rate.jobs` moments for each queue.

    Of the library's strategies this one alone is exact; the others estimate, or let twice as many
    through around the edge of a window. To let one begin takes one call, whatever the rate. A rate
    that is changed is counted anew.
    """

    def __init__(self, client: Redis, key_prefix: str) -> None:
        storage = RedisStorage(
            "redis://",  # not used: the connections are those of `client`
            implementation="redispy",
            key_prefix=f"{key_prefix}rate",
            connection_pool=client.connection_pool,  # type: ignore[arg-type]
        )
        self._limiter = MovingWindowRateLimiter(storage)

    async def enter(self, queue: str, rate: Rate) -> float:
        """See `ports.Turnstile.enter`."""
        window = RateLimitItemPerSecond(rate.jobs, int(rate.seconds), namespace="queue")
        async with reaching("count how often jobs begin"):
            if await self._limiter.hit(window, queue):
                return 0.0
            stats = await self._limiter.get_window_stats(window, queue)
        return max(stats.reset_time - time.time(), 0.0) + SPARE_SECONDS
