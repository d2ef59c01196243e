"""Checks of the orders themselves: all there, in a state that fits, and VIP before NORMAL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pedidos_cli.audit import handler_checks
from pedidos_cli.audit.basis import NEITHER, ORDERS, apply
from pedidos_cli.audit.evidence import Evidence
from pedidos_cli.audit.job_facts import SETTLED
from pedidos_cli.audit.run_facts import RunFacts
from pedidos_cli.audit.verdict import Check

STATUSES = ("processado", "falhou", "pendente")
PRIORITY_OF_TIER = {"BRONZE": "NORMAL", "PRATA": "NORMAL", "OURO": "NORMAL", "DIAMANTE": "VIP"}
NORMAL_PHASES = frozenset({"ENQUEUE_NORMAL", "WAITING_NORMAL_DRAIN"})


def checks(evidence: Evidence) -> Iterable[Check]:
    """The checks of a run's orders, in the order of the report."""
    yield from apply(
        (
            (stored_once, ORDERS),
            (adds_up, ORDERS),
            (fits_phase, ORDERS),
            (priority_follows_tier, ORDERS),
            (amounts_are_cents, ORDERS),
            (state_is_explained, ORDERS),
        ),
        evidence,
    )
    yield from apply(handler_checks.rules(evidence), evidence)
    yield from apply(((vip_before_normal, ORDERS), (no_strays, NEITHER)), evidence)
    if evidence.import_accepted is not None:
        yield import_arrived(evidence)


def accepted_bounds(evidence: Evidence) -> tuple[int, int] | None:
    """How many orders the run has accepted: exactly, or at least and at most while it arrives.

    By its chunks, or by its own record where retention has removed them; None: nobody knows.
    """
    run, chunks = evidence.run, evidence.jobs.of("chunk")
    if run.jobs_gone is not None:
        return _by_its_record(run)
    planned = run.quantity - evidence.jobs.duplicates
    written = evidence.jobs.written
    all_written = sum(g.jobs for g in chunks if g.status == "succeeded") == run.chunks
    if run.done:
        return planned, planned
    return written, written if all_written else planned


def _by_its_record(run: RunFacts) -> tuple[int, int] | None:
    if run.done and run.import_id is None:
        return run.quantity, run.quantity
    if run.generated is None:
        return None
    return run.generated, run.generated if run.done else run.quantity


def stored_once(evidence: Evidence) -> Check:
    """Ids are unique in the collection, so as many as accepted means each of them once."""
    orders, deleted = evidence.orders, _deleted(evidence)
    accepted = accepted_bounds(evidence)
    stored = orders.count() - orders.outside
    found = [f"{stored:,} stored", *(_some(deleted, "deleted by cancel"))]
    found += [*_some(orders.outside, "beyond the plan"), *orders.gaps]
    return Check(
        key="stored_once",
        title="Every accepted order is stored, once",
        expected=_bounds(accepted),
        found=", ".join(found),
        passed=_within(accepted, stored + deleted) and not orders.outside,
    )


def adds_up(evidence: Evidence) -> Check:
    """Every order is in one of the known states, or was deleted by the cancel."""
    accepted = accepted_bounds(evidence)
    counts = [(evidence.orders.count(status), status) for status in STATUSES]
    counts.append((_deleted(evidence), "deleted"))
    total = sum(count for count, _ in counts)
    return Check(
        key="adds_up",
        title="Processed + failed + pending + deleted by cancel = accepted",
        expected=_bounds(accepted),
        found=f"{total:,} = " + " + ".join(f"{count:,} {name}" for count, name in counts),
        passed=_within(accepted, total),
    )


def fits_phase(evidence: Evidence) -> Check:
    """A run that is done leaves nothing pending, one in its NORMAL phases no VIP order.

    What was sent again after it had failed closes nothing, but a job must be about it.
    """
    orders, phase = evidence.orders, evidence.run.phase
    pending, vip = orders.count("pendente"), orders.count("pendente", "VIP")
    again = orders.total(lambda g: g.sent_again)
    expected, open_still = "any number is open", 0
    if evidence.run.done:
        expected, open_still = "0 pending", orders.waiting()
    elif phase in NORMAL_PHASES:
        expected, open_still = "0 VIP pending", orders.waiting("VIP")
    found = [f"{pending:,} pending", f"{vip:,} of them VIP", *_sent_again(evidence, again)]
    return Check(
        key="fits_phase",
        title=f"What is pending fits phase {phase}",
        expected=f"{expected}, or sent again and in a job" if again else expected,
        found=", ".join(found),
        passed=open_still == 0 and again <= evidence.redriven,
    )


def _sent_again(evidence: Evidence, again: int) -> list[str]:
    lost = max(0, again - evidence.redriven)
    return [*_some(again, "sent again"), *_some(lost, "of these in no job")]


def priority_follows_tier(evidence: Evidence) -> Check:
    """DIAMANTE is VIP, every other tier NORMAL, and there are no others."""
    wrong = [g for g in evidence.orders.groups if PRIORITY_OF_TIER.get(g.tier) != g.priority]
    examples = {f"{group.tier} as {group.priority}" for group in wrong}
    return Check(
        key="priority_follows_tier",
        title="The priority follows from the tier",
        expected="0 otherwise",
        found=", ".join([f"{sum(g.orders for g in wrong):,} otherwise", *sorted(examples)]),
        passed=not wrong,
    )


def state_is_explained(evidence: Evidence) -> Check:
    """Processed orders have their time, failed ones time and reason, pending ones no result."""
    orders = evidence.orders
    untimed = orders.total(lambda g: g.untimed)
    unexplained = orders.total(lambda g: g.unexplained)
    premature = orders.total(lambda g: g.premature)
    return Check(
        key="state_is_explained",
        title="Final orders have time and reason, pending ones no result",
        expected="0, 0, 0",
        found=f"{untimed:,} without time, {unexplained:,} without reason, "
        f"{premature:,} pending with a result",
        passed=not (untimed or unexplained or premature),
    )


def amounts_are_cents(evidence: Evidence) -> Check:
    """An amount is a decimal with two places, and not negative."""
    wrong = evidence.orders.total(lambda g: g.mispriced)
    return Check(
        key="amounts_are_cents",
        title="Every amount is a decimal of cents, 0 or more",
        expected="0 otherwise",
        found=f"{wrong:,} otherwise",
        passed=wrong == 0,
    )


def vip_before_normal(evidence: Evidence) -> Check:
    """By the server's clock: the last VIP's first final state, then what is first of a NORMAL."""
    orders, normal = evidence.orders, evidence.jobs.of("normal")
    last_vip = orders.last_vip_settled
    claims = [group.first_claimed for group in normal if group.first_claimed]
    started = [*claims, *filter(None, [orders.first_normal_settled])]
    first_normal = min(started, default=None)
    unclaimed = sum(group.unclaimed for group in normal if group.status in SETTLED)
    unsettled = orders.total(lambda g: g.orders - g.settled_well - g.settled_badly, "VIP")
    in_time = last_vip is None or first_normal is None or last_vip <= first_normal
    found = f"last VIP {_clock(last_vip)}, first NORMAL {_clock(first_normal)}"
    found += "".join(f", {text}" for text in _some(unclaimed, "NORMAL batches never claimed"))
    return Check(
        key="vip_before_normal",
        title="Every VIP order was final before a NORMAL batch was claimed or a NORMAL order final",
        expected="last VIP ≤ first NORMAL, no VIP open",
        found=f"{found}, {unsettled:,} VIP open",
        passed=not unclaimed and (first_normal is None or (in_time and unsettled == 0)),
    )


def no_strays(evidence: Evidence) -> Check:
    """No order belongs to a run that the history does not have."""
    return Check(
        key="no_strays",
        title="Every order in the collection belongs to a known run",
        expected="0 strays",
        found=", ".join([f"{len(evidence.strays)} strays", *evidence.strays]),
        passed=not evidence.strays,
    )


def import_arrived(evidence: Evidence) -> Check:
    """Every row that the import accepted is an order of the plan."""
    run, duplicates = evidence.run, evidence.jobs.duplicates
    return Check(
        key="import_arrived",
        title="Every accepted row of the import is in the plan",
        expected=f"{evidence.import_accepted:,} rows accepted",
        found=f"{run.quantity:,} planned, {duplicates:,} of them known before",
        passed=evidence.import_accepted == run.quantity,
    )


def wiped(evidence: Evidence) -> Check:
    """A reset removes orders and jobs, and keeps the run in the history."""
    orders = evidence.orders.count()
    jobs = sum(group.jobs for group in evidence.jobs.groups)
    check = Check(
        key="wiped",
        title="A reset left nothing of this run but its history",
        expected="0 orders, 0 jobs",
        found=f"{orders:,} orders, {jobs:,} jobs",
        passed=False,
    )
    return check if orders or jobs else check.unchecked("a reset wiped its orders and jobs")


def _deleted(evidence: Evidence) -> int:
    # A run that was resumed to its end has written again what its cancel had deleted.
    return 0 if evidence.run.done else evidence.run.deleted


def _within(bounds: tuple[int, int] | None, count: int) -> bool:
    return bounds is not None and bounds[0] <= count <= bounds[1]


def _bounds(bounds: tuple[int, int] | None) -> str:
    if bounds is None:
        return "unknown: neither jobs nor the run's record say"
    low, high = bounds
    return f"{low:,}" if low == high else f"{low:,} to {high:,} (still arriving)"


def _some(count: int, name: str) -> list[str]:
    return [f"{count:,} {name}"] if count else []


def _clock(time: datetime | None) -> str:
    return f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}" if time else "none"
