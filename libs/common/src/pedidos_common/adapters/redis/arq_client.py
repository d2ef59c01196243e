"""arq's client, with arq's constant key names brought under our prefix."""

from __future__ import annotations

from typing import Any

from arq.connections import ArqRedis
from redis.asyncio import Redis

from pedidos_common.adapters.redis.bells import from_json, to_json
from pedidos_common.adapters.redis.timed import TimedPipeline, timed, watch_of

ARQ_KEYS = "arq:"
KEYS_ONLY = frozenset({"DEL", "EXISTS", "MGET", "TOUCH", "UNLINK", "WATCH"})


def under_prefix(prefix: str, command: tuple[Any, ...]) -> tuple[Any, ...]:
    """The command with the prefix before each *key* that begins with `arq:`.

    Members and values are left alone, whatever they begin with.
    """
    name, *rest = command
    keys = len(rest) if name in KEYS_ONLY else min(1, len(rest))
    return (
        name,
        *(
            prefix + part if isinstance(part, str) and part.startswith(ARQ_KEYS) else part
            for part in rest[:keys]
        ),
        *rest[keys:],
    )


class PrefixedPipeline(TimedPipeline):
    """A pipeline of `PrefixedArqRedis`."""

    key_prefix = ""

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Queue (or, while watching, send) a command with prefixed keys."""
        return super().execute_command(*under_prefix(self.key_prefix, args), **kwargs)


class PrefixedArqRedis(ArqRedis):
    """arq's own client; it shares the connections of `client` and does not close them."""

    def __init__(self, client: Redis, key_prefix: str) -> None:
        super().__init__(client.connection_pool, job_serializer=to_json, job_deserializer=from_json)
        self.key_prefix, self.told = key_prefix, watch_of(client)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command with prefixed keys."""
        command = under_prefix(self.key_prefix, args)
        with timed(self.told, command[0]):
            return await super().execute_command(*command, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> PrefixedPipeline:
        """A pipeline with prefixed keys."""
        pipeline = PrefixedPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
        pipeline.key_prefix, pipeline.told = self.key_prefix, self.told
        return pipeline
