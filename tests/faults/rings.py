"""Rings as they lie in Redis: listened to during a run, and put there again, or made up."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from pedidos_common.adapters.redis.bells import (
    EXPIRY_MS,
    Names,
    arq_id,
    definition,
    job_key,
    score,
)
from pedidos_common.domain.jobs import Band
from pedidos_common.ports import Bell
from tests.e2e.stack import until

PREFIX = "pedidos:"
NAMES = Names(PREFIX)
BROKEN = "broken:"
QUEUES = ("generation", "orders", "notifications")


@dataclass(frozen=True, slots=True)
class Ring:
    """One message: its queue's key, its member and score there, and its definition, if any."""

    queue_key: str
    member: str
    score: float
    definition: bytes | None


def ring_of(bell: Bell) -> Ring:
    """The ring as the product would write it now."""
    now = time.time() * 1000
    at = score(bell.band, now, first=bell.goes_first)
    return Ring(NAMES.queue(bell.queue), arq_id(bell), at, definition(bell, now))


def broken(queue: str, job_id: str) -> Iterator[Ring]:
    """Rings for an existing job that no worker may make anything of, each in its own way."""
    good = ring_of(Bell(job_id, queue, Band.HIGH, 1))
    assert good.definition is not None
    for number, wrong in enumerate(
        (
            None,
            b"",
            b"not json",
            b"[]",
            b"{}",
            pickle.dumps({"f": "deliver", "a": (job_id,), "k": {}}),
            good.definition.replace(b'"deliver"', b'"another"'),
            good.definition.replace(job_id.encode(), b"\xff\xfe"),
            good.definition.replace(f'"{job_id}"'.encode(), b"{}"),
        )
    ):
        yield Ring(good.queue_key, f"{BROKEN}{number}", good.score, wrong)


def put(server: redis.Redis, rings: Sequence[Ring]) -> None:
    """Ring these, whatever they are."""
    pipe = server.pipeline(transaction=False)
    for one in rings:
        if one.definition is not None:
            pipe.psetex(PREFIX + job_key(one.member), EXPIRY_MS, one.definition)
        pipe.zadd(one.queue_key, {one.member: one.score})
    pipe.execute()


def await_taken(server: redis.Redis, seconds: float = 30.0) -> None:
    """Returns once workers have taken all rings that there are."""
    keys = [NAMES.queue(queue) for queue in QUEUES]
    until(lambda: not any(server.zcard(key) for key in keys), seconds)


@dataclass
class Recorder:
    """Keeps every ring that reaches Redis while it listens, but for `broken` ones."""

    rings: list[Ring] = field(default_factory=list)
    _definitions: dict[str, bytes] = field(default_factory=dict)

    @contextlib.contextmanager
    def listening(self, url: str) -> Iterator[None]:
        """Listen to all commands of this server meanwhile."""
        with contextlib.closing(redis.Redis.from_url(url)) as server, _monitor(server) as monitor:
            stop = threading.Event()
            thread = threading.Thread(target=self._listen, args=[monitor, stop])
            thread.start()
            try:
                yield
            finally:
                stop.set()
                server.ping()  # one more command, so that it sees that it is to stop
                thread.join(30)

    def _listen(self, monitor: Any, stop: threading.Event) -> None:
        while not stop.is_set():
            self._note(monitor.next_command())

    def _note(self, told: Mapping[str, Any]) -> None:
        name, *arguments = str(told["command"]).split(" ")
        if name == "PSETEX" and "arq:job:" in arguments[0]:
            key, _, *value = arguments
            self._definitions[key] = " ".join(value).encode()
        if name == "ZADD" and "rings:" in arguments[0]:
            queue_key, *rest = arguments
            pairs = [part for part in rest if part != "NX"]
            for at, member in zip(pairs[::2], pairs[1::2], strict=True):
                if not member.startswith(BROKEN):
                    found = self._definitions[PREFIX + job_key(member)]
                    self.rings.append(Ring(queue_key, member, float(at), found))


def _monitor(server: redis.Redis) -> Any:
    return server.monitor()  # type: ignore[no-untyped-call]
