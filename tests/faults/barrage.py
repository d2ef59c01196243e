"""Something is killed every few seconds for as long as a run lasts: whom, in a sequence that a
seed decides, and for how long the servers were away by it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Self

import psutil
import pymongo
import redis

from tests.e2e.stack import Stack, until

log = logging.getLogger(__name__)
ROLES = ("worker", "generator", "orchestrator", "mongod", "redis")
SERVERS = frozenset({"mongod", "redis"})
ANSWER_SECONDS = 0.5
LONGEST_OUTAGE_SECONDS = 60.0
Interval = tuple[float, float]


def together(intervals: Iterable[Interval]) -> float:
    """Seconds that are in one of these at least; what overlaps counts once."""
    seconds, counted_until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        seconds += max(0.0, end - max(start, counted_until))
        counted_until = max(counted_until, end)
    return seconds


def victims(seed: int) -> Iterator[str]:
    """Each role once in every five, in a sequence that changes from five to five."""
    drawn = Random(seed)
    while True:
        yield from drawn.sample(ROLES, len(ROLES))


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between kills, and when Redis is emptied (seconds since the start)."""

    kill_every_seconds: float
    flush_at: Sequence[float]


class Barrage:
    """Kills and empties while its context lasts; `killed`, `flushes` and `outage_seconds` tell."""

    def __init__(self, stack: Stack, pace: Pace, seed: int) -> None:
        self._stack, self._pace, self._victims = stack, pace, victims(seed)
        self._over = threading.Event()
        self._outages: list[Interval] = []
        self._away: set[str] = set()
        self._threads = [threading.Thread(target=one) for one in (self._kill, self._flush)]
        self._watching: list[threading.Thread] = []
        self._failed: list[BaseException] = []
        self._redis_url = str(stack.document()["redis_url"])
        self.killed: Counter[str] = Counter()
        self.flushes = 0

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        for thread in (*self._threads, *self._watching):
            thread.join()
        if self._failed:
            raise self._failed[0]

    @property
    def outage_seconds(self) -> float:
        """For how long MongoDB or Redis was away: from its kill until it answered again."""
        return together(self._outages)

    # --- kills

    def _kill(self) -> None:
        due = self._started
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += self._pace.kill_every_seconds
            self._kill_one()

    def _kill_one(self) -> None:
        """The next in turn; who is down at this moment, or does not answer yet, is passed over.

        A server that is killed again while it reads its journal would never be back.
        """
        for _ in ROLES:
            role = next(self._victims)
            process = None if role in self._away else self._running(role)
            if process is None:
                continue
            struck_at = time.monotonic()
            process.kill()
            self.killed[role] += 1
            log.warning("%5.1f s: killed %s (%d)", struck_at - self._started, role, process.pid)
            if role in SERVERS:
                self._away.add(role)
                self._watch(self._await_back, role, process, struck_at)
            return

    def _running(self, role: str) -> psutil.Process | None:
        """The process of this role whose turn it is, if it runs."""
        those = self._stack.processes(role)
        pid = those[self.killed[role] % len(those)]["pid"]
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            ours = process.ppid() == self._stack.process.pid
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        return None

    def _watch(self, body: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=self._guarded, args=(body, *arguments))
        self._watching.append(thread)
        thread.start()

    def _guarded(self, body: Callable[..., None], *arguments: object) -> None:
        try:
            body(*arguments)
        except BaseException as error:  # noqa: BLE001 - raised where the context ends
            self._failed.append(error)

    def _await_back(self, role: str, process: psutil.Process, struck_at: float) -> None:
        until(lambda: not process.is_running(), LONGEST_OUTAGE_SECONDS, 0.01)
        answers = self._mongo_answers if role == "mongod" else self._redis_answers
        until(answers, LONGEST_OUTAGE_SECONDS, 0.02)
        back_at = time.monotonic()
        self._outages.append((struck_at, back_at))
        self._away.discard(role)
        log.info("        %s answers after %.1f s", role, back_at - struck_at)

    def _mongo_answers(self) -> bool:
        with pymongo.MongoClient[dict[str, Any]](
            self._stack.mongo_uri, serverSelectionTimeoutMS=200, socketTimeoutMS=1_000
        ) as client:
            return bool(client.admin.command("hello"))

    def _redis_answers(self) -> bool:
        with self._redis() as client, contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False

    def _redis(self) -> contextlib.closing[redis.Redis]:
        client = redis.Redis.from_url(
            self._redis_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )
        return contextlib.closing(client)

    # --- Redis emptied

    def _flush(self) -> None:
        for seconds in self._pace.flush_at:
            if self._over.wait(max(0.0, self._started + seconds - time.monotonic())):
                return
            until(self._flushed, LONGEST_OUTAGE_SECONDS)
            self.flushes += 1
            log.warning("%5.1f s: emptied Redis", time.monotonic() - self._started)

    def _flushed(self) -> bool:
        with self._redis() as client, contextlib.suppress(redis.RedisError):
            return bool(client.flushall())
        return False
