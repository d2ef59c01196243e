"""How long MongoDB and Redis take for the commands of this process, and which of them fail."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OTHER = "other"
MONGODB_COMMANDS = frozenset(
    {"aggregate", "delete", "find", "findAndModify", "getMore", "hello", "insert", "update"}
)
REDIS_COMMANDS = frozenset(
    {"DEL", "INFO", "PING", "PUBLISH", "SET", "XREVRANGE", "ZADD", "ZCARD", "ZPOPMIN", "pipeline"}
)


class CommandMetrics:
    """`CommandWatch` of one server. Commands that we hardly use count together as `other`."""

    def __init__(
        self, registry: CollectorRegistry, server: str, title: str, commands: frozenset[str]
    ) -> None:
        self._seconds = Histogram(
            f"pedidos_{server}_command_duration_seconds",
            f"How long commands of this process to {title} took.",
            ["command"],
            buckets=SECONDS,
            registry=registry,
        )
        self._failures = Counter(
            f"pedidos_{server}_command_failures",
            f"Commands to {title} that failed, or were given up.",
            ["command"],
            registry=registry,
        )
        self._known = {name: self._seconds.labels(name) for name in sorted(commands)}
        self._other = self._seconds.labels(OTHER)
        # A series that begins with its first failure hides that one: a rate sees only what follows.
        self._failed = {name: self._failures.labels(name) for name in (*self._known, OTHER)}

    def __call__(self, command: str, seconds: float, *, failed: bool) -> None:
        """See `CommandWatch`."""
        self._known.get(command, self._other).observe(seconds)
        if failed:
            self._failed.get(command, self._failed[OTHER]).inc()


class ServerMetrics:
    """The metrics of both servers' commands."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.mongodb = CommandMetrics(registry, "mongodb", "MongoDB", MONGODB_COMMANDS)
        self.redis = CommandMetrics(registry, "redis", "Redis", REDIS_COMMANDS)
