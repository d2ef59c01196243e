"""What the engine's part of a run's trace is: what it dispatches, the phases, and the run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pedidos_common.domain.jobs import NewJob
from pedidos_common.domain.run_spans import phase_place, run_place
from pedidos_common.domain.runs import Phase, PhaseChange, Run
from pedidos_common.domain.tracing import below, parse_traceparent
from pedidos_common.ports import PastSpan, Tracing


class RunSpans:
    """Records the spans of the run that this process steps.

    The run's and its phases' times are the database server's. Whoever moves a run into its next
    phase records the one that is over, so a leader that dies in between leaves one out.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    @contextmanager
    def dispatching(self, run: Run, jobs: Sequence[NewJob]) -> Iterator[None]:
        """Creating and ringing these jobs; recorded where one of them will be."""
        place = run_place(run)
        if place is None or not any(_is_sampled(job) for job in jobs):
            yield
            return
        dispatch = below(place.own, f"dispatch {secrets.token_hex(8)}")
        with self._tracing.span("dispatch", dispatch) as span:
            span.note({"pedidos.run.id": run.scope, "pedidos.jobs": len(jobs)})
            yield

    def entered(self, run: Run) -> None:
        """The run has just entered its present phase: the one before is over, or all of it."""
        if len(run.history) < 2:
            return
        before, present = run.history[-2:]
        over = PastSpan(before.phase, before.at, present.at, attributes=_about(run))
        self._tracing.past(over, phase_place(run, before.phase))
        if not run.active:
            self._ended(run, _began(run), present)

    def _ended(self, run: Run, began: PhaseChange, ended: PhaseChange) -> None:
        error = None if ended.phase is Phase.DONE else run.error or ended.phase.value
        about = {
            **_about(run),
            "pedidos.phase": ended.phase.value,
            "pedidos.orders": run.plan.quantity,
        }
        self._tracing.past(PastSpan("run", began.at, ended.at, error, about), run_place(run))


def _about(run: Run) -> dict[str, str | int | float | bool]:
    return {"pedidos.run.id": run.scope}


def _began(run: Run) -> PhaseChange:
    """When it was started or, last, resumed."""
    starts = [change for change in run.history if change.phase is Phase.GENERATING]
    return starts[-1] if starts else run.history[0]


def _is_sampled(job: NewJob) -> bool:
    context = parse_traceparent(job.trace)
    return context is not None and context.sampled
