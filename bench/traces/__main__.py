"""Take a run through the services with traces on, and print its trace as it was received.

    .venv/bin/python -m bench.traces [--quantity 20000]

Servers, services and receiver are started for it and stopped afterwards. Each line has the
service, when the span began and how long it took, and what it is; below it what it caused.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.command_line import options_of
from bench.running.stack import server_pair, services
from bench.running.timed_run import timed_run
from bench.traces.receiver import Received, SeenSpan, receiving
from bench.traces.tree import tree_lines

WAIT_SECONDS = 20.0


def main(arguments: list[str] | None = None) -> None:
    """One run, one tree."""
    options = _options(arguments)
    received = Received()
    with (
        tempfile.TemporaryDirectory(prefix="pedidos-bench-") as folder,
        receiving(received) as endpoint,
        server_pair(Path(folder)) as servers,
    ):
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        with services(
            servers, Path(folder) / "services", options.generators, options.workers, environment
        ) as running:
            run_id, seconds, _ = timed_run(running, options.quantity, seed=7)
            trace = _trace_of(received, run_id)
        print(f"{options.quantity} orders in {seconds:.1f} s; " + _summary(received, trace))
        for line in tree_lines(trace):
            print(line)


def _trace_of(received: Received, run_id: str) -> list[SeenSpan]:
    """The trace of the run, once no more spans come."""
    deadline, count = time.monotonic() + WAIT_SECONDS, -1
    while time.monotonic() < deadline:
        runs = [span for span in received.spans() if span.name == "run"]
        mine = [span for span in runs if span.attributes.get("pedidos.run.id") == run_id]
        if mine and received.count == count:
            return received.spans(mine[0].trace_id)
        count = received.count
        time.sleep(2.0)
    raise TimeoutError(f"no span of run {run_id} came within {WAIT_SECONDS:.0f} s")


def _summary(received: Received, trace: Sequence[SeenSpan]) -> str:
    by_service = Counter(span.service for span in trace)
    told = ", ".join(f"{count} of {service}" for service, count in sorted(by_service.items()))
    return f"{received.count} spans came, {len(trace)} of them in the run's trace ({told})"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.traces", description=__doc__)
    parser.add_argument("--quantity", type=int, default=20_000, help="orders of the run")
    parser.add_argument("--generators", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    return options_of(parser, arguments)


if __name__ == "__main__":
    main()
