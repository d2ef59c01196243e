"""A run meets a Redis that answers with errors, or accepts and hangs: it goes on soon after."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import Stack, running_stack, until
from tests.faults.recovery import rung_jobs, settled
from tests.own_redis import OwnRedis

RECOVERY_SECONDS = 15.0
SLOW_SECONDS = 0.2
NOWHERE = ("127.0.0.1", 1)
FOR_EVER = "while true do end"


class Shop:
    """A stack with a slow handler, and its Redis."""

    def __init__(self, stack: Stack, server: OwnRedis, mode: Path) -> None:
        self.stack, self.server, self._mode = stack, server, mode

    def client(self) -> redis.Redis:
        """A client whose commands take their time."""
        return redis.Redis.from_url(self.server.url, socket_timeout=60)

    # -- faults

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Each write is answered READONLY, as by a server that was a master."""
        with self.replica():
            yield

    @contextlib.contextmanager
    def without_master(self) -> Iterator[None]:
        """Each command is answered MASTERDOWN."""
        with contextlib.closing(self.client()) as client:
            client.config_set("replica-serve-stale-data", "no")
            with self.replica():
                yield

    @contextlib.contextmanager
    def replica(self) -> Iterator[None]:
        """It follows a master that is not there."""
        with contextlib.closing(self.client()) as client:
            client.slaveof(*NOWHERE)
            try:
                yield
            finally:
                client.slaveof()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """A script runs for ever, and each command is answered BUSY."""

        def run() -> None:
            with contextlib.closing(self.client()) as client, contextlib.suppress(redis.RedisError):
                client.eval(FOR_EVER, 0)

        script = threading.Thread(target=run)
        with contextlib.closing(self.client()) as client:
            client.config_set("busy-reply-threshold", 1)
            script.start()
            try:
                yield
            finally:
                client.script_kill()
                script.join(30)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It accepts connections and answers nothing."""
        self.server.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.signal(signal.SIGCONT)

    # -- one run

    def hurt(self, fault: str, quantity: int, seconds: float) -> float:
        """A run that meets the fault for so long, and ends well; seconds until it was over it."""
        handlers.switch(self._mode, seconds=SLOW_SECONDS)
        run_id = self.stack.start(quantity, seed=41)
        until(lambda: self.stack.processed() > 0)
        with getattr(self, fault)():
            ends_at = time.monotonic() + seconds
            until(lambda: time.monotonic() > ends_at, seconds + 5)
        waiting = rung_jobs(self.stack)[:10]
        over_at = time.monotonic()
        assert waiting, "nothing was left to wake anybody for"
        until(lambda: settled(self.stack, waiting), 60)
        recovered = time.monotonic() - over_at
        handlers.switch(self._mode)
        self.stack.await_phase("DONE", seconds=90)
        self.stack.assert_audited(run_id)
        orders, jobs = self.stack.database.orders, self.stack.database.jobs
        assert orders.count_documents({"status": "processado"}) == quantity
        assert jobs.count_documents({"attempts": {"$gt": 0}}) == 0
        until(lambda: self.stack.http.get("/readyz").is_success)
        self.stack.reset()
        return recovered


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    mode = tmp_path / "mode.json"
    handlers.switch(mode)
    environ: dict[str, Any] = {
        "ORDER_HANDLER": handlers.SPEC,
        handlers.VARIABLE: str(mode),
        "ORDER_HANDLER_TIMEOUT_MS": "10000",
        "ORDER_HANDLER_CONCURRENCY": "20",
        "ORDERS_QUEUE_CONCURRENCY": "5",
    }
    with OwnRedis() as server:
        options = ("--redis-url", server.url)
        with running_stack(tmp_path / "stack", environ, options=options) as stack:
            yield Shop(stack, server, mode)


def hurt_by(shop: Shop, faults: dict[str, str], quantity: int, seconds: float) -> str:
    """A run for each fault; the table of it."""
    found = {name: shop.hurt(fault, quantity, seconds) for fault, name in faults.items()}
    assert max(found.values()) <= RECOVERY_SECONDS, found
    lines = [f"Redis errs for {seconds:g} s; audits passed: {len(found)} of {len(found)}"]
    return "\n".join([*lines, *(f"  {name:<36}{took:>11.1f} s" for name, took in found.items())])


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(400)
def test_a_run_outlives_whatever_redis_answers(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    faults = {
        "read_only": "READONLY",
        "without_master": "MASTERDOWN",
        "busy": "BUSY",
        "hanging": "accepts and hangs",
    }
    record_property(COUNTED, hurt_by(shop, faults, 8_000, 12.0))
