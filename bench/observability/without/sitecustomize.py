"""Takes metrics out of a service process: Python loads this where its folder is on PYTHONPATH.

The product has no switch for it, as what they cost is what the bench asks. Nothing is counted,
timed or looked up for a gauge then; `/metrics` still answers.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import pairwise
from typing import Any

GAUGE = ["set", "inc", "dec", "set_function"]
SERVICES = frozenset({"pedidos_worker", "pedidos_generator", "pedidos_orchestrator"})


def takes_part(command: list[str]) -> bool:
    """Whether the command is `python … -m` one of the services."""
    return any(flag == "-m" and name in SERVICES for flag, name in pairwise(command))


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing, whatever is given."""


def itself(metric: Any, *_: Any, **__: Any) -> Any:
    """A metric without labels, whatever labels are wanted."""
    return metric


async def for_ever(*_: Any, **__: Any) -> None:
    """Wait for the end."""
    await asyncio.Event().wait()


def replace(owner: Any, name: str, instead: Any) -> None:
    """Put something else in an attribute's place."""
    setattr(owner, name, instead)


def take_out() -> None:
    """Replace whatever counts, times and looks."""
    from prometheus_client import Counter, Gauge, Histogram
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

    from pedidos_common.adapters.mongo import client as mongo
    from pedidos_common.adapters.redis.timed import TimedPipeline, TimedRedis
    from pedidos_common.runtime.loop_lag import LoopLag

    for metric, methods in ((Counter, ["inc"]), (Histogram, ["observe"]), (Gauge, GAUGE)):
        for method in methods:
            replace(metric, method, nothing)
        replace(metric, "labels", itself)
    # without a listener the driver reports nothing
    connect = mongo.connect
    replace(mongo, "connect", lambda uri, name, *_: connect(uri, name))
    replace(TimedRedis, "execute_command", Redis.execute_command)
    replace(TimedPipeline, "execute", Pipeline.execute)
    replace(LoopLag, "watch", for_ever)
    if "pedidos_orchestrator" in sys.orig_argv:
        from pedidos_orchestrator.engine.leader_metrics import LeaderMetrics

        async def look(*_: Any) -> None:
            """Nothing is looked up."""

        replace(LeaderMetrics, "look", look)


if __name__ == "sitecustomize" and takes_part(sys.orig_argv):
    take_out()
