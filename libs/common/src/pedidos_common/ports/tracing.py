"""Whoever wants to know what caused what, and how long each part took."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from pedidos_common.domain.jobs import Job
from pedidos_common.domain.tracing import SpanPlace

Value = str | int | float | bool


class SpanKind(Enum):
    """Whether a span answers a request, takes a job, or is a part of such work."""

    SERVER = auto()
    CONSUMER = auto()
    INTERNAL = auto()


@dataclass(frozen=True, slots=True)
class PastSpan:
    """Something that is over: its name, its times, and why it failed (None where it did not)."""

    name: str
    began: datetime
    ended: datetime
    error: str | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)


class Span(Protocol):
    """Something that is being done; may be told more about, recorded or not."""

    def name(self, name: str) -> None:
        """What it is called, once that is known better."""
        ...

    def note(self, attributes: Mapping[str, Value]) -> None:
        """Something more about it."""
        ...

    def fail(self, reason: str) -> None:
        """It did not go well."""
        ...


class Tracing(Protocol):
    """Records spans; never raises, never waits, and costs next to nothing for what is unsampled."""

    def begins(self, trace_id: str) -> bool:
        """Whether a trace that begins here is to be recorded."""
        ...

    def span(
        self, name: str, place: SpanPlace | None, kind: SpanKind = SpanKind.INTERNAL
    ) -> AbstractContextManager[Span]:
        """What the body does, where its place is sampled. An exception that leaves it is noted."""
        ...

    def job(self, job: Job) -> AbstractContextManager[Span]:
        """A run of a job: below the span that its `traceparent` names where that is sampled.

        Of the others a few have a trace of their own, linked to that span, and so has each that
        fails, as far as that stays few.
        """
        ...

    def past(self, span: PastSpan, place: SpanPlace | None) -> None:
        """Record a span that is over, where its place is sampled."""
        ...

    def call(
        self, server: str, command: str, target: str | None, seconds: float, *, failed: bool
    ) -> None:
        """A server's reply to a command came just now, for what is being done here.

        `server` is its kind (`mongodb`, `redis`), `target` the collection where there is one.
        """
        ...


class UnseenSpan:
    """A span that is not recorded."""

    def name(self, name: str) -> None:
        """See `Span`."""

    def note(self, attributes: Mapping[str, Value]) -> None:
        """See `Span`."""

    def fail(self, reason: str) -> None:
        """See `Span`."""


class Untraced:
    """The tracing that records nothing."""

    def __init__(self) -> None:
        self._unseen: AbstractContextManager[Span] = nullcontext(UnseenSpan())

    def begins(self, trace_id: str) -> bool:  # noqa: ARG002
        """See `Tracing`: what this process starts, another one may record."""
        return True

    def span(
        self,
        name: str,  # noqa: ARG002
        place: SpanPlace | None,  # noqa: ARG002
        kind: SpanKind = SpanKind.INTERNAL,  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        """See `Tracing`."""
        return self._unseen

    def job(self, job: Job) -> AbstractContextManager[Span]:  # noqa: ARG002
        """See `Tracing`."""
        return self._unseen

    def past(self, span: PastSpan, place: SpanPlace | None) -> None:
        """See `Tracing`."""

    def call(
        self, server: str, command: str, target: str | None, seconds: float, *, failed: bool
    ) -> None:
        """See `Tracing`."""
