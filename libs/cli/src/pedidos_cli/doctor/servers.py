"""MongoDB and Redis: there, new enough, writable, not evicting, and on the same clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from pedidos_cli import text
from pedidos_cli.doctor.finding import Finding, fail, ok, warn
from pedidos_cli.doctor.machine import disk
from pedidos_cli.errors import CliError
from pedidos_cli.stores import mongo, redis
from pedidos_cli.stores.mongo import MongoFacts
from pedidos_cli.stores.redis import RedisFacts

MONGO_OLDEST = (6, 0)
SKEW_SECONDS = 1.0
FULL_SHARE = 0.8


def look_at_mongo(uri: str, database: str, data_dir: Path | None) -> Iterator[Finding]:
    """All that can be said about the MongoDB at that address."""
    try:
        facts = mongo.facts(uri, database)
    except (PyMongoError, CliError) as error:
        said = str(error).partition(", Timeout")[0]
        yield fail("MongoDB", f"does not answer: {said}", "start it, or correct its address")
        return
    yield from judge_mongo(facts)
    yield from disk(data_dir, facts.disk_free_bytes)


def judge_mongo(facts: MongoFacts) -> Iterator[Finding]:
    """What the facts mean."""
    numbers = tuple(int(part) for part in facts.version.split(".")[:2] if part.isdigit())
    if numbers < MONGO_OLDEST:
        yield fail("MongoDB", f"version {facts.version}", "6.0 or newer is needed")
    elif facts.topology == "standalone":
        yield ok(
            "MongoDB",
            f"version {facts.version}, standalone (fine on one machine; a fail-over needs a "
            "replica set)",
        )
    else:
        yield ok("MongoDB", f"version {facts.version}, {facts.topology}")
    if facts.write_error:
        yield fail("MongoDB writes", facts.write_error, "give its user rights, or its disk room")
    else:
        yield ok("MongoDB writes", "it takes writes")
    yield skew(facts.ahead_seconds)


def skew(ahead_seconds: float) -> Finding:
    """Whether the clocks agree; leases use MongoDB's own, so this is never fatal."""
    said = f"MongoDB's is {abs(ahead_seconds):.2f} s {'ahead' if ahead_seconds >= 0 else 'behind'}"
    if abs(ahead_seconds) > SKEW_SECONDS:
        return warn("clocks", said, "let both machines follow a time server (NTP)")
    return ok("clocks", said)


def look_at_redis(url: str) -> Iterator[Finding]:
    """All that can be said about the Redis at that address."""
    if not redis.can_ask(url):
        yield warn("Redis", "a Sentinel address", "see what `pedidos doctor` says of its health")
        return
    try:
        facts = redis.facts(url)
    except (RedisError, OSError, CliError) as error:
        yield fail("Redis", f"does not answer: {error}", "start it, or correct its address")
        return
    yield from judge_redis(facts)


def judge_redis(facts: RedisFacts) -> Iterator[Finding]:
    """What the facts mean."""
    yield ok("Redis", f"version {facts.version}")
    if facts.eviction_policy == "noeviction":
        yield ok("Redis eviction", "noeviction")
    else:
        yield fail(
            "Redis eviction",
            f"maxmemory-policy is {facts.eviction_policy}",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file",
        )
    limit = f"of {text.size(facts.max_bytes)}" if facts.max_bytes else "and no limit set"
    said = f"{text.size(facts.used_bytes)} used {limit}"
    if facts.max_bytes and facts.used_bytes > FULL_SHARE * facts.max_bytes:
        yield warn("Redis memory", said, "raise maxmemory, or find what else fills it")
    else:
        yield ok("Redis memory", said)
