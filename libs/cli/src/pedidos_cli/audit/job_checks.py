"""Checks of the ledger and of the run's own record against the orders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from bson import Timestamp

from pedidos_cli.audit.basis import BOTH, JOBS, NEITHER, ORDERS, apply
from pedidos_cli.audit.evidence import Evidence
from pedidos_cli.audit.job_facts import KIND_OF, OPEN, SETTLED, Batch
from pedidos_cli.audit.verdict import Check

END = frozenset({"ABORTED", "ERROR"})
FOLLOWS = {
    "IDLE": {"GENERATING"},
    "GENERATING": {"ENQUEUE_VIP"} | END,
    "ENQUEUE_VIP": {"WAITING_VIP_DRAIN"} | END,
    "WAITING_VIP_DRAIN": {"ENQUEUE_NORMAL"} | END,
    "ENQUEUE_NORMAL": {"WAITING_NORMAL_DRAIN"} | END,
    "WAITING_NORMAL_DRAIN": {"DONE"} | END,
    "ABORTED": {"GENERATING"},
    "ERROR": {"GENERATING"},
}


def checks(evidence: Evidence) -> Iterable[Check]:
    """The checks of jobs and run, in the order of the report."""
    yield from apply(
        (
            (chunks_wrote_what_is_stored, BOTH),
            (batches_cover, JOBS),
            (batches_add_up, BOTH),
            (vip_settled_before_normal_created, JOBS),
            (nothing_open, NEITHER),
            (phases_in_order, NEITHER),
        ),
        evidence,
    )
    if evidence.run.ended:
        yield from apply(((totals_fit, ORDERS),), evidence)


def chunks_wrote_what_is_stored(evidence: Evidence) -> Check:
    """The results of the chunks say how many orders of each priority there are."""
    orders, run, jobs = evidence.orders, evidence.run, evidence.jobs
    chunks = jobs.of("chunk")
    settled = sum(group.jobs for group in chunks if group.status == "succeeded")
    vip, normal = sum(g.vip for g in chunks), sum(g.normal for g in chunks)
    stored = [orders.count(priority="VIP"), orders.count(priority="NORMAL")]
    known = f", {jobs.duplicates:,} known before" if jobs.duplicates else ""
    return Check(
        key="chunks_wrote",
        title="The chunks wrote what is stored",
        expected=f"{vip:,} VIP and {normal:,} NORMAL{known} "
        f"in {settled:,} of {run.chunks:,} chunks",
        found=f"{stored[0]:,} VIP and {stored[1]:,} NORMAL",
        passed=_as_written(evidence, stored, [vip, normal]) and settled == run.chunks
        if run.done
        else sum(stored) + run.deleted >= jobs.written,
    )


def _as_written(evidence: Evidence, stored: Sequence[int], laid_out: Sequence[int]) -> bool:
    within = all(count <= places for count, places in zip(stored, laid_out, strict=True))
    return within and sum(stored) == evidence.jobs.written


def batches_cover(evidence: Evidence) -> Check:
    """No sequence is in two batches; in a run that is done each is in one that came to its end."""
    run, batches = evidence.run, evidence.jobs.undivided
    ended = [batch for batch in batches if _came_to_its_end(batch)] if run.done else batches
    ranges = sorted((batch.first, batch.last) for batch in ended)
    covered = sum(last - first + 1 for first, last in ranges)
    overlapping = _overlaps(ranges)
    outside = bool(ranges) and (ranges[0][0] < 1 or ranges[-1][1] > run.quantity)
    undone = len(batches) - len(ended)
    whole = covered == run.quantity and not undone if run.done else True
    found = f"{covered:,} in {len(ranges):,} batches, {overlapping:,} overlaps"
    return Check(
        key="batches_cover",
        title="Every order is in exactly one batch that came to its end",
        expected=f"{f'{run.quantity:,}' if run.done else 'those enqueued so far'}, 0 overlaps",
        found=found + (f", {undone:,} failed or cancelled" if undone else ""),
        passed=whole and not overlapping and not outside,
    )


def _came_to_its_end(batch: Batch) -> bool:
    # A batch that is given up is split down to the one order that is to blame.
    alone = batch.first == batch.last
    return batch.status == "succeeded" or (batch.status == "failed" and alone)


def batches_add_up(evidence: Evidence) -> Check:
    """The results of settled batches are the first final states of the orders."""
    counted, stored = [], []
    for priority, kind in KIND_OF.items():
        groups = evidence.jobs.of(kind)
        counted += [sum(g.processed for g in groups), sum(g.failed for g in groups)]
        stored += _first_final(evidence, priority)
    below = all(c <= s for c, s in zip(counted, stored, strict=True))
    return Check(
        key="batches_add_up",
        title="The results of the batches add up to the orders",
        expected=_four(stored),
        found=_four(counted),
        passed=counted == stored if evidence.run.done else below,
    )


def vip_settled_before_normal_created(evidence: Evidence) -> Check:
    """By the server's own sequence, whatever the clock did."""
    vip, normal = evidence.jobs.of("vip"), evidence.jobs.of("normal")
    created = min((g.first_created for g in normal if g.first_created), default=None)
    settled = max((g.last_settled for g in vip if g.last_settled), default=None)
    still_open = sum(group.jobs for group in vip if group.status in OPEN)
    unproven = sum(group.uncreated for group in normal)
    unproven += sum(group.unsettled for group in vip if group.status in SETTLED)
    in_order = settled is None or created is None or settled < created
    return Check(
        key="vip_settled_first",
        title="Every VIP batch was settled before a NORMAL one was created",
        expected="last VIP < first NORMAL, no VIP open",
        found=f"last VIP {_sequence(settled)}, first NORMAL {_sequence(created)}, "
        f"{still_open:,} VIP open" + (f", {unproven:,} without one" if unproven else ""),
        passed=not normal or (in_order and not still_open and not unproven),
    )


def nothing_open(evidence: Evidence) -> Check:
    """A run that is over has no job that a worker could still take."""
    count, ended = evidence.jobs.open, evidence.run.ended
    return Check(
        key="nothing_open",
        title="No job of a run that is over is open",
        expected="0 open" if ended else "any number: the run goes on",
        found=f"{count:,} open",
        passed=count == 0 or not ended,
    )


def phases_in_order(evidence: Evidence) -> Check:
    """The history walks the phases as the specification has them, never back in time."""
    run = evidence.run
    names = [name for name, _ in run.phases]
    times = [at for _, at in run.phases]
    steps = pairwise(names)
    legal = all(after in FOLLOWS.get(before, ()) for before, after in steps)
    starts = names[:1] in (["IDLE"], ["GENERATING"])
    return Check(
        key="phases_in_order",
        title="The phases followed one another as they may",
        expected=f"… → {run.phase}",
        found=" → ".join(names) or "no history",
        passed=legal and starts and names[-1:] == [run.phase] and times == sorted(times),
    )


def totals_fit(evidence: Evidence) -> Check:
    """The figures that the run keeps are those of its orders when it ended."""
    names = [f"total{what}{kind}" for kind in ("VIP", "Normal") for what in ("Processed", "Failed")]
    kept = [evidence.run.totals.get(name) for name in names]
    stored = [*_first_final(evidence, "VIP"), *_first_final(evidence, "NORMAL")]
    return Check(
        key="totals_fit",
        title="The run's own totals are those of its orders",
        expected=_four(stored),
        found=_four(kept),
        passed=kept == stored,
    )


def _first_final(evidence: Evidence, priority: str) -> list[int]:
    orders = evidence.orders
    return [
        orders.total(lambda g: g.settled_well, priority),
        orders.total(lambda g: g.settled_badly, priority),
    ]


def _overlaps(ranges: Sequence[tuple[int, int]]) -> int:
    overlaps, reached = 0, 0
    for first, last in ranges:
        overlaps += first <= reached
        reached = max(reached, last)
    return overlaps


def _four(counts: Sequence[int | None]) -> str:
    vip_ok, vip_bad, normal_ok, normal_bad = ("?" if c is None else f"{c:,}" for c in counts)
    return f"VIP {vip_ok} + {vip_bad} failed, NORMAL {normal_ok} + {normal_bad} failed"


def _sequence(stamp: Timestamp | None) -> str:
    return f"{stamp.time}.{stamp.inc}" if stamp else "none"
