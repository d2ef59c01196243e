"""From what was compared last with the payment provider and with stock to metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pedidos_checkout.domain.reconciliation import Difference, Standing

Values = Mapping[tuple[str, ...], float]


def of_reconciliation(
    standing: Standing | None, every_seconds: float
) -> Iterator[tuple[str, str, Sequence[str], Values]]:
    """Name, text, labels and values of each; no values where there is nothing to compare with."""
    yield (
        "pedidos_reconciliation_differences",
        "Differences that the newest reconciliation found, repaired or left for people.",
        ("kind", "state"),
        _counts(standing) if standing else {},
    )
    yield (
        "pedidos_reconciliation_ended_timestamp_seconds",
        "When the last reconciliation ended that compared everything; 0 before the first.",
        (),
        {(): _ended(standing)} if standing else {},
    )
    yield (
        "pedidos_reconciliation_period_seconds",
        "How often payments and stock are to be compared; absent where only on request.",
        (),
        {(): every_seconds} if standing and every_seconds else {},
    )


def _counts(standing: Standing) -> Values:
    found: dict[tuple[str, ...], float] = {}
    for kind in Difference:
        left = standing.left.get(kind.value, 0)
        found[kind.value, "left"] = left
        found[kind.value, "repaired"] = standing.counts.get(kind.value, 0) - left
    return found


def _ended(standing: Standing) -> float:
    return standing.completed_at.timestamp() if standing.completed_at else 0.0
