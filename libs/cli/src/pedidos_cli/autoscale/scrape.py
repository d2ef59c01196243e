"""What the processes of a stack tell at `/metrics`, as far as the autoscaler needs it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pedidos_cli.autoscale.work import Ended, Load
from pedidos_cli.stack_file import ProcessEntry

WORKER_QUEUES = frozenset({"orders", "notifications"})
SCRAPE_SECONDS = 3.0
Samples = Sequence[Sample]


async def look(client: httpx.AsyncClient, processes: Iterable[ProcessEntry]) -> Load | None:
    """The load as orchestrators and workers tell it; None while no leader tells what waits.

    A worker that does not answer counts as one that is not there.
    """
    asked = [one for one in processes if one.metrics and one.role in ("orchestrator", "worker")]
    told = await asyncio.gather(*(_scraped(client, str(one.metrics)) for one in asked))
    by_role: defaultdict[str, dict[str, Samples]] = defaultdict(dict)
    for entry, samples in zip(asked, told, strict=True):
        if samples is not None:
            by_role[entry.role][f"{entry.role}-{entry.index}"] = samples
    return load_of(list(by_role["orchestrator"].values()), by_role["worker"])


async def waiting_by_queue(
    client: httpx.AsyncClient, processes: Iterable[ProcessEntry]
) -> Mapping[str, float]:
    """How many jobs wait in each queue, as orchestrators tell it; nothing while no leader does."""
    asked = [one for one in processes if one.metrics and one.role == "orchestrator"]
    told = await asyncio.gather(*(_scraped(client, str(one.metrics)) for one in asked))
    return waiting_of([samples for samples in told if samples is not None])


def load_of(orchestrators: Sequence[Samples], workers: Mapping[str, Samples]) -> Load | None:
    """The load by what the processes told; None where no leader is among them."""
    waiting = _waiting(orchestrators)
    if waiting is None:
        return None
    slots = [_total(samples, "pedidos_worker_slots") for samples in workers.values()]
    told = [each for each in slots if each]
    mean_slots = sum(told) / len(told) if told else None
    return Load(waiting, {name: _ended(s) for name, s in workers.items()}, mean_slots)


async def _scraped(client: httpx.AsyncClient, address: str) -> Samples | None:
    try:
        answer = await client.get(address, timeout=SCRAPE_SECONDS)
        answer.raise_for_status()
        families = text_string_to_metric_families(answer.text)
        return [sample for family in families for sample in family.samples]
    except (httpx.HTTPError, ValueError):
        return None


def _waiting(orchestrators: Sequence[Samples]) -> float | None:
    waiting = waiting_of(orchestrators)
    told = [count for queue, count in waiting.items() if queue in WORKER_QUEUES]
    return sum(told) if told else None


def waiting_of(orchestrators: Sequence[Samples]) -> Mapping[str, float]:
    """The most that any tells: for a moment two may hold themselves for the leader."""
    told: dict[str, float] = {}
    for sample in (one for samples in orchestrators for one in samples):
        queue = sample.labels.get("queue", "")
        if sample.name == "pedidos_queue_jobs" and sample.labels.get("state") == "waiting":
            told[queue] = max(told.get(queue, 0.0), sample.value)
    return told


def _ended(samples: Samples) -> Ended:
    name = "pedidos_job_duration_seconds"
    return Ended(_total(samples, f"{name}_count"), _total(samples, f"{name}_sum"))


def _total(samples: Samples, name: str) -> float:
    return sum(sample.value for sample in samples if sample.name == name)
