"""Reading the metrics of a stack's processes, as a Prometheus would."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx

JOBS = re.compile(r"^pedidos_jobs_total\{.*\} (\S+)$", re.MULTILINE)
SCRAPE_TIMEOUT_SECONDS = 10.0


class Scraper:
    """Asks every process of a stack for its metrics, again and again; counts the answers."""

    def __init__(self, stack_file: Path, every_seconds: float) -> None:
        self._stack_file, self._every_seconds = stack_file, every_seconds
        self._end = threading.Event()
        self.scrapes = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Scrape in a thread until the body is over."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._every_seconds):
            self.scrapes += len(metrics_of(self._stack_file))


def metrics_of(stack_file: Path) -> list[str]:
    """What the processes answer that do."""
    texts = []
    processes = json.loads(stack_file.read_text("utf-8"))["processes"]
    with httpx.Client(timeout=SCRAPE_TIMEOUT_SECONDS, trust_env=False) as http:
        for address in filter(None, (one.get("metrics") for one in processes)):
            with contextlib.suppress(httpx.HTTPError):
                texts.append(http.get(address).raise_for_status().text)
    return texts


def jobs_counted(stack_file: Path) -> float:
    """How many jobs the metrics of all processes have counted."""
    return sum(float(count) for text in metrics_of(stack_file) for count in JOBS.findall(text))
