"""A trace as a text: one line a span, the spans that it caused below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench.traces.receiver import SeenSpan

SHOWN_ATTRIBUTES = (
    "pedidos.job.id",
    "pedidos.jobs",
    "pedidos.orders",
    "pedidos.outcome",
    "http.response.status_code",
)


def tree_lines(spans: Sequence[SeenSpan]) -> Iterator[str]:
    """The spans of one trace, by when they began; times from the first one's beginning."""
    known = {span.span_id for span in spans}
    below: dict[str, list[SeenSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda one: (one.began, one.span_id)):
        below[span.parent_id if span.parent_id in known else ""].append(span)
    if spans:
        yield from _lines(below, "", "", min(span.began for span in spans))


def _lines(
    below: dict[str, list[SeenSpan]], parent_id: str, indent: str, zero: int
) -> Iterator[str]:
    for span in below[parent_id]:
        begins = (span.began - zero) / 1e6
        yield (
            f"{span.service:<13} {begins:8.1f} ms {span.milliseconds:8.1f} ms  "
            f"{indent}{span.name}{_about(span)}"
        )
        yield from _lines(below, span.span_id, indent + "  ", zero)


def _about(span: SeenSpan) -> str:
    told = [str(span.attributes[name]) for name in SHOWN_ATTRIBUTES if name in span.attributes]
    told += [f"link to {span_id}" for _, span_id in span.links]
    told += [f"FAILED: {span.error}"] if span.error is not None else []
    return f"  [{', '.join(told)}]" if told else ""
