"""Where a span stands: W3C trace context, and ids that follow from what the span is about.

A span's id is computed from the thing that it tells of, so whoever creates a job can name the
parent of its span before that parent has been sent anywhere, and from another process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

LONGEST_HEADER = 512
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_VERSION_00_LENGTH = 55
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span by its ids: `trace_id` has 32 hex digits, `span_id` 16.

    `sampled` says that the span is recorded, and that so should be what it causes.
    """

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """As the header `traceparent`, to be passed on."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


@dataclass(frozen=True, slots=True)
class SpanPlace:
    """A span's own ids, and what it follows from.

    `parent_id` is a span of the same trace, `link` one of any trace, that caused this one
    without being its parent.
    """

    own: TraceContext
    parent_id: str | None = None
    link: TraceContext | None = None


def parse_traceparent(text: str | None) -> TraceContext | None:
    """The span that a `traceparent` names, or None where it is none."""
    found = _TRACEPARENT.fullmatch(text.strip()) if text and len(text) < LONGEST_HEADER else None
    if found is None or not _is_valid(found):
        return None
    return TraceContext(found[2], found[3], sampled=bool(int(found[4], 16) & _SAMPLED))


def span_id_of(what: str) -> str:
    """The id of the span about what this text names, the same wherever it is computed."""
    return blake2b(what.encode(), digest_size=8).hexdigest()


def below(parent: TraceContext, what: str, *, sampled: bool = True) -> SpanPlace:
    """The place of the span about `what`, a child of `parent`; sampled as far as that is."""
    own = TraceContext(parent.trace_id, span_id_of(what), parent.sampled and sampled)
    return SpanPlace(own, parent.span_id)


def _is_valid(found: re.Match[str]) -> bool:
    # version 00 has nothing behind the flags
    exact = found[1] != "00" or len(found[0]) == _VERSION_00_LENGTH
    return found[1] != "ff" and int(found[2], 16) != 0 and int(found[3], 16) != 0 and exact
