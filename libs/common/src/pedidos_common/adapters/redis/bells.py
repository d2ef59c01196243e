"""A bell in arq's own wire format, and the keys that hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arq.constants import job_key_prefix
from arq.jobs import serialize_job

from pedidos_common.domain.jobs import MOST_AHEAD_SECONDS, Band
from pedidos_common.ports import Bell

FUNCTION = "deliver"
EXPIRY_MS = 3_600_000
DAY_MS = 86_400_000
BAND_DISTANCE_MS = 100 * DAY_MS
FIRST_AHEAD_MS = 20 * DAY_MS
# a score near 2^41 ms still tells 1/4096 ms apart; ringing a bell takes longer than 1/1024 ms
PLACES_PER_MS = 1024


def to_json(data: Mapping[str, Any]) -> bytes:
    """Serialize a job; nothing is ever pickled."""
    return json.dumps(data, separators=(",", ":")).encode()


def from_json(data: bytes) -> dict[str, Any]:
    """Read a job.

    Raises:
        ValueError: when it is not a JSON object.
    """
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for what can't be read
    return value


def arq_id(bell: Bell) -> str:
    """The bell's id in arq: each ring of a job is an arq job of its own."""
    return f"{bell.job_id}:{bell.ring}"


def job_key(id_in_arq: str) -> str:
    """Where arq keeps the definition of that job (before our prefix)."""
    return f"{job_key_prefix}{id_in_arq}"


def definition(bell: Bell, now_ms: float) -> bytes:
    """The arq job that hands the bell's job over."""
    return serialize_job(FUNCTION, (bell.job_id,), {}, None, int(now_ms), serializer=to_json)


def score(
    band: Band,
    now_ms: float,
    place: int = 0,
    *,
    first: bool = False,
    ahead_seconds: float = 0.0,
) -> float:
    """Where a bell stands in arq's sorted set: lowest first.

    arq takes what has a score in the past, so every band lies in the past, 100 days from the
    next and from now: no disagreement of clocks mixes bands or hides a bell. Inside a band
    what is `first` goes first, then the time of ringing less the head start decides (which is
    bounded, so that it stays inside), then `place` within one call.
    """
    ahead_ms = (len(Band) - band) * BAND_DISTANCE_MS + first * FIRST_AHEAD_MS
    ahead_ms += int(1000 * min(ahead_seconds, MOST_AHEAD_SECONDS))
    return now_ms - ahead_ms + place / PLACES_PER_MS


@dataclass(frozen=True, slots=True)
class Names:
    """Our key names; each begins with `prefix`."""

    prefix: str

    def queue(self, queue: str) -> str:
        """The arq queue (a sorted set) of one queue of ours."""
        return f"{self.prefix}rings:{queue}"

    def channel(self, topic: str) -> str:
        """The pub/sub channel of a topic."""
        return f"{self.prefix}events:{topic}"

    def breaker(self, name: str) -> str:
        """The record of a circuit breaker."""
        return f"{self.prefix}breaker:{name}"

    @property
    def marker(self) -> str:
        """A key that is gone once Redis was emptied."""
        return f"{self.prefix}marker"

    @property
    def logs(self) -> str:
        """The stream of the newest log lines."""
        return f"{self.prefix}logs"


def by_queue(bells: Sequence[Bell]) -> dict[str, list[Bell]]:
    """The bells of each queue, in their order."""
    queues: dict[str, list[Bell]] = {}
    for bell in bells:
        queues.setdefault(bell.queue, []).append(bell)
    return queues
