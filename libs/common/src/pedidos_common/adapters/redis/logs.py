"""The newest log lines of all services, in one capped Redis stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redis.asyncio import Redis

from pedidos_common.adapters.redis.bells import Names
from pedidos_common.adapters.redis.client import reaching
from pedidos_common.ports import LogLine

KEPT_LINES = 10_000
LONGEST_LINE = 8_000
LINES_PER_READ = 1_000


class RedisLogGathering:
    """Keeps about `KEPT_LINES` lines (a little more: Redis trims whole nodes).

    See `pedidos_common.ports.LogGathering` for what is promised. The client is shared, not owned.
    """

    def __init__(self, client: Redis, key_prefix: str, kept_lines: int = KEPT_LINES) -> None:
        self._redis = client
        self._stream = Names(key_prefix).logs
        self._kept_lines = kept_lines

    async def append(self, lines: Sequence[LogLine]) -> None:
        """Add lines in one round trip; of more than are kept, the newest."""
        async with (
            reaching("take log lines"),
            self._redis.pipeline(transaction=False) as pipe,
        ):
            for line in lines[-self._kept_lines :]:
                pipe.xadd(
                    self._stream,
                    {"s": line.service, "l": line.level, "t": line.text[:LONGEST_LINE]},
                    maxlen=self._kept_lines,
                    approximate=True,
                )
            await pipe.execute()

    async def newest(
        self, limit: int, level: str | None = None, service: str | None = None
    ) -> Sequence[str]:
        """Read backwards, a page at a time, until enough match or the stream ends."""
        found: list[str] = []
        last = "+"
        async with reaching("give log lines"):
            while len(found) < limit:
                entries = await self._redis.xrevrange(self._stream, last, "-", LINES_PER_READ)
                found += [
                    fields[b"t"].decode(errors="replace")
                    for _entry, fields in entries
                    if _matches(fields, level, service)
                ]
                if len(entries) < LINES_PER_READ:
                    break
                last = f"({entries[-1][0].decode()}"
        return found[:limit][::-1]

    async def clear(self) -> None:
        """Delete the stream."""
        async with reaching("forget log lines"):
            await self._redis.delete(self._stream)


def _matches(fields: Mapping[bytes, bytes], level: str | None, service: str | None) -> bool:
    return (
        b"t" in fields
        and (level is None or fields.get(b"l") == level.encode())
        and (service is None or fields.get(b"s") == service.encode())
    )
