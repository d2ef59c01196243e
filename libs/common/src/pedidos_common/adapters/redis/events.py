"""Wake-up calls on Redis pub/sub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from pedidos_common.adapters.redis.bells import Names
from pedidos_common.adapters.redis.client import reaching
from pedidos_common.domain.errors import Unavailable

log = structlog.get_logger(__name__)

QUIET_SECONDS = 0.05
SILENCE_SECONDS = 10.0
LONGEST_BACKOFF_SECONDS = 2.0


class RedisEvents:
    """Calls are sent in the background, at most one per topic in `QUIET_SECONDS`.

    Each `listen` holds a connection of its own: fan out to many watchers inside the process.
    See `pedidos_common.ports.Events` for what is promised. The client is shared, not owned;
    `close()` sends what is still to be sent.
    """

    def __init__(self, client: Redis, key_prefix: str) -> None:
        self._redis = client
        self._names = Names(key_prefix)
        self._wanted: set[str] = set()
        self._senders: dict[str, asyncio.Task[None]] = {}
        self._failing = False

    async def publish(self, topic: str) -> None:
        """Note the call and return at once; one that is noted already stands for both."""
        self._wanted.add(topic)
        if topic not in self._senders:
            self._senders[topic] = asyncio.create_task(self._send_while_wanted(topic))

    async def _send_while_wanted(self, topic: str) -> None:
        try:
            while topic in self._wanted:
                self._wanted.discard(topic)
                await self._send(topic)
                await asyncio.sleep(QUIET_SECONDS)
        finally:
            del self._senders[topic]

    async def _send(self, topic: str) -> None:
        try:
            async with reaching("send a wake-up call", 2.0):
                await self._redis.publish(self._names.channel(topic), b"")
            self._failing = False
        except Unavailable as error:
            if not self._failing:
                log.warning("wake_up_call_lost", topic=topic, reason=str(error))
            self._failing = True

    async def close(self) -> None:
        """Send what was published and not sent yet; takes a few seconds at most."""
        await asyncio.gather(*list(self._senders.values()))

    async def listen(self, topic: str) -> AsyncIterator[None]:
        """Yield for every call, and after every reconnect, since calls may have been lost."""
        called = asyncio.Event()
        reader = asyncio.create_task(self._read(topic, called))
        try:
            while True:
                await called.wait()
                called.clear()
                yield
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, topic: str, called: asyncio.Event) -> None:
        failures = 0
        while True:
            subscription = self._redis.pubsub()
            try:
                await subscription.subscribe(self._names.channel(topic))
                if failures:
                    called.set()
                    log.info("event_listener_recovered", topic=topic)
                failures = 0
                await _relay(subscription, called)
            except Exception as error:  # noqa: BLE001 - whoever listens never hears of an outage
                failures += 1
                if failures == 1:
                    reason = f"{type(error).__name__}: {error}"
                    log.warning("event_listener_interrupted", topic=topic, reason=reason)
                await asyncio.sleep(min(0.05 * 2.0 ** min(failures, 10), LONGEST_BACKOFF_SECONDS))
            finally:
                with suppress(RedisError, OSError):
                    await subscription.aclose()  # type: ignore[no-untyped-call]


async def _relay(subscription: PubSub, called: asyncio.Event) -> None:
    """Set `called` for each message; a connection that stays silent is given up."""
    heard, subscribed = monotonic(), False
    while True:
        message = await subscription.get_message(timeout=SILENCE_SECONDS)
        if message is None:
            if monotonic() - heard > 2.5 * SILENCE_SECONDS:
                raise RedisError("the subscription went silent")
            await subscription.ping()
            continue
        heard = monotonic()
        # the client subscribes again by itself after a short break, and calls may be lost in it
        if message["type"] == "message" or (message["type"] == "subscribe" and subscribed):
            called.set()
        subscribed = True
