"""`GET /pedidos`, asked 20 times a second by a process that does nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

POLL_SECONDS = 0.05
ANSWER_SECONDS = 30.0
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: on the machine's monotonic clock when it was due or asked, and when complete."""

    asked_at: float
    answered_at: float
    run_id: str | None
    phase: str


class StatusReplies:
    """The answers as they come."""

    def __init__(self, channel: Connection, api: str) -> None:
        self._channel, self._api = channel, api

    def next(self) -> Reply:
        """Wait for the next answer.

        Raises:
            RuntimeError: when the API did not answer, or not as it should.
        """
        if not self._channel.poll(2 * ANSWER_SECONDS):
            raise RuntimeError(f"nothing was heard from who asks {self._api}/pedidos")
        try:
            reply, problem = self._channel.recv()
        except EOFError:
            raise RuntimeError(f"who asks {self._api}/pedidos ended; see above") from None
        if problem:
            raise RuntimeError(f"{self._api}/pedidos: {problem}; is the orchestrator at work?")
        found: Reply = reply
        return found


@contextlib.contextmanager
def status_replies(api: str) -> Iterator[StatusReplies]:
    """Asks for as long as it is entered."""
    context = multiprocessing.get_context("spawn")
    answers, channel = context.Pipe(duplex=False)
    process = context.Process(target=_ask, args=(api, channel), name="status poller", daemon=True)
    process.start()
    channel.close()
    try:
        yield StatusReplies(answers, api)
    finally:
        process.terminate()
        process.join(STOP_SECONDS)
        answers.close()


def p99_ms(replies: Sequence[Reply]) -> float:
    """Milliseconds that 99% of the answers stayed below."""
    took = sorted((one.answered_at - one.asked_at) * 1000 for one in replies)
    return round(took[int(0.99 * len(took))], 1)


def _ask(api: str, channel: Connection) -> None:
    address = urlsplit(api)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=ANSWER_SECONDS
    )
    due = time.monotonic()
    while True:
        # A question that a late answer held up has waited since it was due; one that this process
        # woke up late for has not.
        asked = due if due < time.monotonic() else _slept_until(due)
        try:
            channel.send((_asked(connection, asked), ""))
        except (OSError, ValueError, http.client.HTTPException) as error:
            with contextlib.suppress(OSError):
                channel.send((None, f"{type(error).__name__}: {error}"))
            return
        due = asked + POLL_SECONDS


def _slept_until(due: float) -> float:
    time.sleep(max(0.0, due - time.monotonic()))
    return time.monotonic()


def _asked(connection: http.client.HTTPConnection, asked: float) -> Reply:
    connection.request("GET", "/pedidos")
    answer = connection.getresponse()
    body = answer.read()
    answered = time.monotonic()
    if answer.status != HTTPStatus.OK:
        raise ValueError(f"answered {answer.status}: {body[:200]!r}")
    status = json.loads(body)
    return Reply(asked, answered, status["lastRunId"], status["phase"])
