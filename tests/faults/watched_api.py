"""What the API answers while things happen to it: asked all the time, at each of its addresses."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import httpx

ASK_EVERY_SECONDS = 0.1
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One question: `status` is None where nobody answered; times are monotonic seconds."""

    asked_at: float
    seconds: float
    status: int | None


@dataclass
class WatchedApi:
    """Asks `GET /pedidos` at each address, from a thread for each."""

    addresses: Sequence[str]
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Ask meanwhile."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._ask, args=[a, stop]) for a in self.addresses]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(2 * TIMEOUT_SECONDS)

    def _ask(self, address: str, stop: threading.Event) -> None:
        kept = self.answers.setdefault(address, [])
        with httpx.Client(base_url=address, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while not stop.wait(ASK_EVERY_SECONDS):
                kept.append(_answer(client))

    @property
    def answered(self) -> list[Answer]:
        """The answers that came, whatever they were, at any address."""
        return [one for of in self.answers.values() for one in of if one.status is not None]

    def longest_silence(self) -> float:
        """For how many seconds at most no answer came from anywhere."""
        ends = sorted(one.asked_at + one.seconds for one in self.answered)
        return max((after - before for before, after in pairwise(ends)), default=0.0)

    def slowest(self) -> float:
        """The longest time that an answer took."""
        return max(one.seconds for one in self.answered)

    def statuses(self) -> dict[int, int]:
        """How often each status was answered."""
        return dict(Counter(one.status for one in self.answered if one.status is not None))


def _answer(client: httpx.Client) -> Answer:
    asked_at = time.monotonic()
    status = None
    with contextlib.suppress(httpx.TransportError):
        status = client.get("/pedidos").status_code
    return Answer(asked_at, time.monotonic() - asked_at, status)
