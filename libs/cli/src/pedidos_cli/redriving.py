"""Follows dead letters that were sent again until each of them has ended once more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.status import Status

from pedidos_cli import text
from pedidos_cli.client import ApiClient, Json
from pedidos_cli.errors import CliError
from pedidos_cli.follow import PATIENCE_SECONDS, passing
from pedidos_cli.progress import PLAIN_SECONDS

POLL_SECONDS = 0.5
ENDED = frozenset({"succeeded", "failed", "cancelled"})
OPEN_TYPES = "waiting,active,delayed"
PREFIX = "redrive:"


@dataclass(slots=True)
class Tally:
    """How orders ended that were sent again, and how many other jobs did not succeed."""

    processado: int = 0
    falhou: int = 0
    jobs_failed: int = 0

    def add(self, job: Json) -> None:
        """Counts what a job, ended or not, has written so far."""
        result = job.get("result") or {}
        self.processado += int(result.get("processed") or 0)
        self.falhou += int(result.get("failed") or 0)
        self.jobs_failed += job.get("status") in {"failed", "cancelled"}


async def until_ended(client: ApiClient, job_ids: Sequence[str], console: Console | None) -> Tally:
    """Waits for every one of the jobs, with a line on the console meanwhile.

    Raises:
        Unreachable: when the API does not answer for `PATIENCE_SECONDS`.
        CliError: when it refuses.
    """
    tally = Tally()
    with _Line(console) as line:
        for number, job_id in enumerate(job_ids):
            while (job := await _job(client, job_id)).get("status") not in ENDED:
                line.show(_words(tally, number, len(job_ids), await _queue_state(client)))
                await asyncio.sleep(POLL_SECONDS)
            tally.add(job)
    return tally


def _words(tally: Tally, done: int, total: int, queue: str) -> str:
    words = (
        f"Sent again: {text.count(done)}/{text.count(total)} batches have ended, "
        f"{text.count(tally.processado)} orders processado, {text.count(tally.falhou)} falhou"
    )
    held = queue in {"paused", "closed"}
    return f"{words}; the queue is {queue}: `pedidos resume`" if held else words


async def _job(client: ApiClient, job_id: str) -> Json:
    """The job; one that a reset removed is cancelled."""
    patient_until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await client.get(f"/pedidos/queue/jobs/{job_id}")
        except CliError as error:
            if error.details.get("httpStatus") == 404:
                return {"status": "cancelled"}
            if not passing(error) or time.monotonic() > patient_until:
                raise
        await asyncio.sleep(POLL_SECONDS)


async def _queue_state(client: ApiClient) -> str:
    try:
        return str((await client.get("/pedidos/queue/status")).get("state"))
    except CliError as error:
        if not passing(error):
            raise
        return "unknown"


async def some_open(client: ApiClient) -> bool:
    """Whether anything that was sent again is among the newest jobs that have not ended."""
    page = await client.get("/pedidos/queue/jobs", {"types": OPEN_TYPES, "limit": 100})
    return any(str(job.get("id")).startswith(PREFIX) for job in page.get("items") or [])


class _Line:
    """One line that changes on a terminal, a new one every few seconds anywhere else."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._status: Status | None = None
        self._shown_at = time.monotonic()

    def __enter__(self) -> Self:
        if self._console and self._console.is_terminal:
            self._status = self._console.status("Sent again ...")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def show(self, words: str) -> None:
        now = time.monotonic()
        if self._status:
            self._status.update(words)
        elif self._console and now - self._shown_at >= PLAIN_SECONDS:
            self._shown_at = now
            self._console.print(words, markup=False, soft_wrap=True)
