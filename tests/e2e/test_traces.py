"""The trace of a run, as a real receiver gets it from the services of a stack over OTLP."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench.traces.receiver import Received, SeenSpan
from bench.traces.tree import tree_lines
from tests.e2e.stack import Stack, until

QUANTITY = 20_000  # 20 chunks and more than 200 batches
MOST_SPANS = 500
LOST = re.compile(r'^pedidos_trace_spans_total\{outcome="lost"\} (\S+)$', re.MULTILINE)


class Trace:
    """The spans of one trace."""

    def __init__(self, spans: list[SeenSpan]) -> None:
        self.spans = spans
        self.by_id = {span.span_id: span for span in spans}

    def named(self, name: str) -> list[SeenSpan]:
        """Spans of this name."""
        return [span for span in self.spans if span.name == name]

    def parents(self, name: str) -> Counter[str]:
        """What spans of this name are below, and how many are."""
        return Counter(self.by_id[span.parent_id].name for span in self.named(name))


def trace_of(received: Received, trace_id: str) -> Trace:
    """The trace, once its run is in it and nothing more comes."""
    seen: list[int] = []

    def whole() -> list[SeenSpan]:
        spans = received.spans(trace_id)
        seen.append(len(spans))
        is_whole = any(span.name == "run" for span in spans) and seen[-4:] == [len(spans)] * 4
        return spans if is_whole else []

    return Trace(until(whole, 30.0, poll_seconds=0.6))


def started(stack: Stack, quantity: int, **headers: str) -> str:
    """Start a run; the id of its trace."""
    answer = stack.http.post(f"/pedidos/generate?quantity={quantity}", headers=headers)
    assert answer.status_code == 202
    return str(answer.headers["x-trace-id"])


def lines_of(stack: Stack, trace_id: str) -> Iterator[dict[str, Any]]:
    for log in (stack.folder / "logs").glob("*.log"):
        for line in log.read_text("utf-8", "replace").splitlines():
            if trace_id in line:
                yield json.loads(line)


def test_one_trace_of_a_run_has_spans_of_all_services_each_below_what_caused_it(
    stack: Stack, received: Received
) -> None:
    trace_id = started(stack, QUANTITY)
    stack.await_phase("DONE")
    trace = trace_of(received, trace_id)
    assert {span.service for span in trace.spans} == {"orchestrator", "generator", "worker"}

    (request,) = [span for span in trace.spans if span.kind == "SERVER"]
    assert (request.name, request.parent_id) == ("POST /pedidos/generate", "")
    assert request.attributes["http.response.status_code"] == 202
    (run,) = trace.named("run")
    assert (run.parent_id, run.error) == (request.span_id, None)
    assert set(trace.parents("orders.generate_chunk")) == {"run"}
    assert set(trace.parents("orders.process_batch")) == {"orders.generate_chunk"}
    assert set(trace.parents("dispatch")) == {"run"}
    for phase in ("GENERATING", "WAITING_VIP_DRAIN", "WAITING_NORMAL_DRAIN"):
        assert trace.parents(phase) == {"run": 1}
    services = {span.name: span.service for span in trace.spans if span.kind == "CONSUMER"}
    assert services == {"orders.generate_chunk": "generator", "orders.process_batch": "worker"}

    assert trace.parents("insert orders").keys() == {"orders.generate_chunk"}
    assert trace.parents("update orders").keys() == {"orders.process_batch"}
    assert "dispatch" in trace.parents("insert jobs")
    assert {span.attributes["db.system.name"] for span in trace.named("update orders")} == {
        "mongodb"
    }
    # each chunk that is seen has batches of both priorities
    lanes = {(span.parent_id, lane_of(span)) for span in trace.named("orders.process_batch")}
    chunks = {span.span_id for span in trace.named("orders.generate_chunk")}
    assert lanes == {(chunk, lane) for chunk in chunks for lane in ("vip", "normal")}

    assert len(trace.spans) <= MOST_SPANS, Counter(span.name for span in trace.spans)
    assert len(list(tree_lines(trace.spans))) == len(trace.spans)
    said = [line for line in lines_of(stack, trace_id) if line["event"] == "run_started"]
    assert [(line["traceId"], line["spanId"]) for line in said] == [(trace_id, request.span_id)]


def lane_of(batch: SeenSpan) -> str:
    return str(batch.attributes["pedidos.job.id"]).split(":")[1]


def test_a_caller_that_traces_nothing_gets_its_run_without_a_trace(
    stack: Stack, received: Received
) -> None:
    caller = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert started(stack, 500, traceparent=f"00-{caller}-00f067aa0ba902b7-00") == caller
    stack.await_phase("DONE")
    traced = started_after(stack, received)
    assert traced
    assert received.spans(caller) == []


def started_after(stack: Stack, received: Received) -> list[SeenSpan]:
    """Spans of a later run: what came before it has been sent by then."""
    stack.reset()
    trace_id = started(stack, 10)
    stack.await_phase("DONE")
    return trace_of(received, trace_id).spans


def test_a_run_ends_while_the_receiver_takes_nothing_and_losses_are_counted(
    stack: Stack, received: Received
) -> None:
    before = lost(stack)
    received.status = 400
    try:
        run_id = stack.start(2_000)
        stack.await_phase("DONE")
        until(lambda: lost(stack) > before)
    finally:
        received.status = 200
    stack.assert_audited(run_id)


def lost(stack: Stack) -> float:
    """Spans that the services have lost so far."""
    addresses = [one["metrics"] for one in stack.document()["processes"] if one.get("metrics")]
    texts = [httpx.get(address, trust_env=False).text for address in addresses]
    return sum(float(found[1]) for text in texts if (found := LOST.search(text)))


@pytest.fixture
def received(span_receiver: Received) -> Received:
    return span_receiver
