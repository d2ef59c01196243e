"""Placing many checkouts from outside, each until it is accepted, under one idempotency key."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.load.mix import Arrival, Shares, arrivals

AT_ONCE = 16
PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 120.0
# some of everything that can happen to a payment
OF_EVERYTHING = Shares(
    declined=0.08, asks_more=0.06, leaves=0.02, taken_back=0.04, discount=0.05, again=0.1, wrong=0.0
)


@dataclass
class Placed:
    """The job of each key, as the API answered it every time."""

    jobs: dict[str, str] = field(default_factory=dict)

    def note(self, key: str, job_id: str) -> None:
        """An answer; one key has one job."""
        assert self.jobs.setdefault(key, job_id) == job_id, f"{key} has two jobs"


async def place(
    api: str, count: int, seed: int = 1, shares: Shares = OF_EVERYTHING, discount: str | None = None
) -> Placed:
    """Place so many checkouts, some of them twice, and some with the discount code."""
    placed = Placed()
    async with httpx.AsyncClient(base_url=api, timeout=15.0, trust_env=False) as http:
        skus = [
            p["productId"] for p in (await http.get("/api/products?limit=1000")).json()["items"]
        ]
        waiting = _some(arrivals(skus, shares, seed, f"drill-{seed}", discount), count)
        await asyncio.gather(*(_place_each(http, waiting, placed) for _ in range(AT_ONCE)))
    return placed


def _some(endless: Iterator[Arrival], count: int) -> Iterator[Arrival]:
    fresh = 0
    for arrival in endless:
        fresh += not arrival.again
        if fresh > count:
            return
        yield arrival


async def _place_each(http: httpx.AsyncClient, waiting: Iterator[Arrival], placed: Placed) -> None:
    for arrival in waiting:
        async with asyncio.timeout(PATIENCE_SECONDS):
            placed.note(arrival.key, await _accepted(http, arrival.key, arrival.body))


async def _accepted(http: httpx.AsyncClient, key: str, body: Mapping[str, Any]) -> str:
    for _ in itertools.count():
        try:
            answer = await http.post("/api/checkout", json=body, headers={"idempotency-key": key})
        except httpx.TransportError:
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if answer.is_success:
            return str(answer.json()["data"]["jobId"])
        assert answer.status_code >= 500, answer.text
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("it is tried until it is accepted")
