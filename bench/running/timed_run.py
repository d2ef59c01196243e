"""One run through services that are there already, timed from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import psutil
import redis
from pymongo.errors import PyMongoError

from bench.running.polling import p99_ms, status_replies
from bench.running.stack import RunningServices

ENDED = frozenset({"DONE", "ABORTED", "ERROR"})
RUN_SECONDS = 1_800.0
# Workers take VIP batches while the generators still write, so `generate` has some of their work.
STAGE_OF = {
    "ENQUEUE_VIP": "vip",
    "WAITING_VIP_DRAIN": "vip",
    "ENQUEUE_NORMAL": "normal",
    "WAITING_NORMAL_DRAIN": "normal",
}
# What may go wrong with one run without making the others worthless.
FAILURES = (
    OSError,
    RuntimeError,
    httpx.HTTPError,
    psutil.Error,
    PyMongoError,
    redis.RedisError,
)


def timed_run(
    running: RunningServices,
    quantity: int,
    seed: int,
    each: Callable[[str], None] = lambda _: None,
) -> tuple[str, float, float]:
    """Take a run of so many orders from its start to its end.

    `each` is told the stage of the run (`generate`, `vip` or `normal`) 20 times a second.

    Returns:
        its id, its seconds seen from outside, and the status page's p99 in milliseconds.

    Raises:
        TimeoutError: when it is not over after `RUN_SECONDS`.
        RuntimeError: when the API does not answer.
        httpx.HTTPError: when the API refuses the run.
    """
    wanted = {"quantity": quantity, "seed": seed}
    replies = []
    with status_replies(running.api) as status:
        status.next()
        each("generate")
        start = time.monotonic()
        started = httpx.post(
            f"{running.api}/pedidos/generate", params=wanted, timeout=30.0, trust_env=False
        )
        run_id = started.raise_for_status().json()["runId"]
        while time.monotonic() - start < RUN_SECONDS:
            reply = status.next()
            if reply.asked_at < start:
                continue
            replies.append(reply)
            each(STAGE_OF.get(reply.phase, "generate" if reply.phase not in ENDED else "end"))
            if reply.run_id == run_id and reply.phase in ENDED:
                return str(run_id), reply.answered_at - start, p99_ms(replies)
    raise TimeoutError(f"run {run_id} is not over after {RUN_SECONDS:.0f} s")
