"""Checks of the run's own record: its receipt and its windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise

from pedidos_cli.audit.basis import NEITHER, ORDERS, apply
from pedidos_cli.audit.evidence import Evidence
from pedidos_cli.audit.job_facts import KIND_OF, SETTLED
from pedidos_cli.audit.run_facts import WINDOWS
from pedidos_cli.audit.verdict import Check


def checks(evidence: Evidence) -> Iterable[Check]:
    """The checks of a run that is over, in the order of the report."""
    if evidence.run.ended:
        yield from apply(((receipt_fits, ORDERS), (windows_fit, NEITHER)), evidence)


def receipt_fits(evidence: Evidence) -> Check:
    """The receipt counts the orders as they were at the end."""
    run, found = evidence.run, evidence.run.receipt
    title = "The receipt is that of the orders"
    if found is None:
        return Check("receipt_fits", title, "", "", None).unchecked("there is no receipt yet")
    expected = _receipt_bounds(evidence)
    wrong = {name for name, (low, high) in expected.items() if not _lies(found, name, low, high)}
    # What was redriven before the receipt was written is in it as it was then.
    redriven = evidence.orders.total(lambda g: g.redriven)
    unbalanced = found.get("balanced") is not True and not redriven
    return Check(
        key="receipt_fits",
        title=title,
        expected=", ".join(f"{name} {_range(*ends)}" for name, ends in expected.items()),
        found=", ".join(
            [
                *(f"{name} {found.get(name)}" for name in expected),
                f"balanced {found.get('balanced')}",
                *([f"wrong: {', '.join(sorted(wrong))}"] if wrong else []),
            ]
        ),
        passed=not wrong and not unbalanced and run.ended,
    )


def _receipt_bounds(evidence: Evidence) -> dict[str, tuple[int, int]]:
    run, orders = evidence.run, evidence.orders
    again = orders.total(lambda g: g.redriven)
    well, badly = orders.total(lambda g: g.settled_well), orders.total(lambda g: g.settled_badly)
    bounds = {
        "accepted": (run.quantity, run.quantity),
        "processed": (well, well + again),
        "failed": (badly - again, badly),
        "pending": (orders.waiting(), orders.waiting() + again),
        "deletedByCancel": (run.deleted, run.deleted),
    }
    if run.jobs_gone is None:
        bounds["generated"] = (evidence.jobs.written, evidence.jobs.written)
    return bounds


def _lies(receipt: Mapping[str, object], name: str, low: int, high: int) -> bool:
    value = receipt.get(name)
    return isinstance(value, int) and low <= value <= high


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def windows_fit(evidence: Evidence) -> Check:
    """First claim to last settlement of each priority; that of NORMAL begins behind VIP's."""
    kept = evidence.run.windows
    wrong = [
        f"{name} should be {_clock(at)}"
        for name, at in _by_jobs(evidence).items()
        if kept.get(name) != at
    ]
    wrong += _against_orders(evidence)
    times = [at for name in WINDOWS if isinstance(at := kept.get(name), datetime)]
    wrong += ["they go back in time"] if any(b < a for a, b in pairwise(times)) else []
    return Check(
        key="windows_fit",
        title="The run's windows are those of its jobs and orders, NORMAL behind VIP",
        expected="start VIP ≤ end VIP ≤ start NORMAL ≤ end NORMAL, as the jobs have them",
        found=", ".join([*(f"{name} {_clock(kept.get(name))}" for name in WINDOWS), *wrong]),
        passed=not wrong,
    )


def _by_jobs(evidence: Evidence) -> dict[str, datetime | None]:
    # Before DONE the record may be older than what still came to its end.
    if not evidence.run.done or evidence.run.jobs_gone is not None:
        return {}
    windows: dict[str, datetime | None] = {}
    for priority, suffix in (("VIP", "VIP"), ("NORMAL", "Normal")):
        groups = [g for g in evidence.jobs.of(KIND_OF[priority]) if g.status in SETTLED]
        claimed = (g.first_claimed for g in groups if g.first_claimed)
        settled = (g.settled_at for g in groups if g.settled_at)
        windows[f"start{suffix}"] = min(claimed, default=None)
        windows[f"end{suffix}"] = max(settled, default=None)
    return windows


def _against_orders(evidence: Evidence) -> Iterable[str]:
    run, orders = evidence.run, evidence.orders
    if not run.done or run.orders_gone is not None:
        return
    end, start = run.windows.get("endVIP"), run.windows.get("startNormal")
    last, first = orders.last_vip_settled, orders.first_normal_settled
    if last is not None and not (isinstance(end, datetime) and last <= end):
        yield f"a VIP order was final at {_clock(last)}"
    if first is not None and not (isinstance(start, datetime) and start <= first):
        yield f"a NORMAL order was final at {_clock(first)}"


def _clock(time: object) -> str:
    if not isinstance(time, datetime):
        return "none" if time is None else repr(time)
    return f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}"
