"""Runs of bulk orders that go on one after another while something else is measured."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import httpx

ENDED = frozenset({"DONE", "ABORTED", "ERROR", "IDLE"})
POLL_SECONDS = 0.25
HTTP_SECONDS = 30.0


class RunsBeside:
    """Starts a run, and another once it is over, until it is left; then waits for the last one.

    `windows` are the times (Unix seconds) from start to end of each.
    """

    def __init__(self, api: str, quantity: int) -> None:
        self._api, self._quantity = api, quantity
        self.windows: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runs beside", daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None and error is None:
            raise RuntimeError(f"a run beside failed: {self._failure}") from self._failure

    def went_on(self, at: float) -> bool:
        """Whether a run went on at that time."""
        return any(start <= at <= end for start, end in self.windows)

    def _run(self) -> None:
        try:
            with httpx.Client(base_url=self._api, timeout=HTTP_SECONDS, trust_env=False) as http:
                seed = 0
                while not self._stop.is_set():
                    seed += 1
                    self._one(http, seed)
        except Exception as failure:  # noqa: BLE001 - it is raised where the runs are left
            self._failure = failure

    def _one(self, http: httpx.Client, seed: int) -> None:
        wanted = {"quantity": self._quantity, "seed": seed}
        start = time.time()
        http.post("/pedidos/generate", params=wanted).raise_for_status()
        while http.get("/pedidos").raise_for_status().json()["phase"] not in ENDED:
            time.sleep(POLL_SECONDS)
        self.windows.append((start, time.time()))
