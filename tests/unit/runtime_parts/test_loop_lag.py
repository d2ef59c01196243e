"""The event loop's lag: a loop that is blocked is seen, and forgotten after a minute."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import CollectorRegistry, generate_latest

from pedidos_common.runtime.loop_lag import LoopLag
from pedidos_common.runtime.supervise import running
from pedidos_common.testing.eventually import eventually


async def test_a_blocked_loop_is_seen() -> None:
    registry = CollectorRegistry()
    lag = LoopLag(registry)
    async with running({"loop lag": lag.watch()}):
        await asyncio.sleep(0.01)
        time.sleep(0.8)  # noqa: ASYNC251 - what is measured
        await eventually(lambda: lag.most_of_last_minute() > 0.4)
    samples = {
        sample.labels["le"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "pedidos_event_loop_lag_seconds_bucket"
    }
    assert samples["+Inf"] > samples["0.25"], "one sample was later than a quarter of a second"
    assert b"pedidos_event_loop_lag_max_seconds" in generate_latest(registry)


def test_the_most_is_that_of_the_last_minute() -> None:
    now = [1_000.0]
    lag = LoopLag(CollectorRegistry(), lambda: now[0])
    assert lag.most_of_last_minute() == 0.0
    lag.note(2.0)
    lag.note(0.5)
    now[0] += 30.0
    lag.note(0.1)
    assert lag.most_of_last_minute() == 2.0
    now[0] += 35.0
    assert lag.most_of_last_minute() == 0.1
    for _ in range(1_000):
        now[0] += 5.0
        lag.note(0.0)
    assert lag.most_of_last_minute() == 0.0
    assert len(lag._most) <= 12
