"""Which order handler wrote the observations of a run's orders."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pymongo.database import Database

from pedidos_cli.audit.job_facts import Batch, JobFacts
from pedidos_cli.audit.order_facts import OrderFacts, read_misworded

BUILT_IN = "builtin"


@dataclass(frozen=True, slots=True)
class HandlerFacts:
    """Whose texts the orders hold.

    `judged` counts the batches that the built-in handler processed alone, `misworded` orders
    without its text there. `others` are the orders of each other handler, `nameless` the batches
    that succeeded and name none.
    """

    judged: int
    misworded: int
    others: Mapping[str, int]
    nameless: int


def read_handlers(
    database: Database[dict[str, Any]], run_id: UUID, jobs: JobFacts, orders: OrderFacts
) -> HandlerFacts:
    """Judge the texts of the built-in handler; nothing more is read where it was the only one."""
    batches = [batch for batch in jobs.undivided if batch.handler]
    foreign = [batch for batch in batches if batch.handler != BUILT_IN]
    nameless = sum(b.status == "succeeded" and not b.handler for b in jobs.undivided)
    misworded = orders.total(lambda g: g.misworded)
    if not foreign:
        return HandlerFacts(len(batches), misworded, {}, nameless)
    # Delivered twice, such a batch may have been begun by a worker that had another handler.
    own = [b for b in batches if b.handler == BUILT_IN and b.deliveries <= 1]
    if misworded and own:
        misworded = _within(sorted((b.first, b.last) for b in own), database, run_id)
    return HandlerFacts(len(own), misworded, _others(batches, own), nameless)


def _within(
    ranges: Sequence[tuple[int, int]], database: Database[dict[str, Any]], run_id: UUID
) -> int:
    firsts = [first for first, _ in ranges]
    found = 0
    for sequence in read_misworded(database, run_id):
        at = bisect_right(firsts, sequence) - 1
        found += at >= 0 and sequence <= ranges[at][1]
    return found


def _others(batches: Sequence[Batch], own: Sequence[Batch]) -> Mapping[str, int]:
    judged = set(own)
    others: Counter[str] = Counter()
    for batch in batches:
        if batch not in judged:
            mixed = batch.handler == BUILT_IN
            name = "builtin after another delivery" if mixed else str(batch.handler)
            others[name] += batch.last - batch.first + 1
    return others
