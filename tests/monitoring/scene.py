"""A live installation that is watched, and what a person does to it and for it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import httpx
import redis
import yaml

from deploy.write import groups
from tests.e2e import handlers
from tests.e2e.stack import until
from tests.faults.linked import REDIS, LinkedStack, Part, linked_stack
from tests.faults.proxy import Condition
from tests.monitoring.prometheus import Prometheus, Targets, running_prometheus
from tests.monitoring.rules import program
from tests.monitoring.shortened import FACTOR, shortened
from tests.sandbox import Operation, Sandbox, running_sandbox

COUNTS = {"orchestrator": 2, "generator": 1, "worker": 2}
STALL_SECONDS = 30
# as that of the rules: a provider that is down is tried again after a minute
BREAKER_PAUSE_SECONDS = 60 / FACTOR
CART = {
    "customer": {"id": "c-1", "name": "Ana Souza", "email": "ana@example.com"},
    "items": [{"productId": "STA-001", "quantity": 1}],
    "payment": {"method": "tok_ok"},
}
OVER = frozenset({"completed", "failed"})
ROLES = tuple(COUNTS)


@dataclass(frozen=True)
class Scene:
    """Two orchestrators, a generator and two workers, each with its own links, and Prometheus.

    `providers` are those of checkout.
    """

    field: LinkedStack
    prometheus: Prometheus
    providers: Sandbox
    handler_file: Path
    log_folder: Path

    @property
    def workers(self) -> Sequence[Part]:
        return self.field.of("worker")

    @property
    def orchestrators(self) -> Sequence[Part]:
        return self.field.of("orchestrator")

    def start_run(self, quantity: int) -> str:
        """Start one; its id."""
        return self.field.stack.start(quantity)

    def fail(self, *operations: Operation) -> None:
        """The providers answer these with 503, all of them where none is named."""
        for one in operations or get_args(Operation):
            if one != "webhook":
                self.providers.fault(one, "fail", status=503)

    def buy(self, count: int) -> list[str]:
        """Place so many orders live; their ids."""
        stack = self.field.stack
        answers = [stack.http.post("/api/checkout", json=CART) for _ in range(count)]
        assert {one.status_code for one in answers} <= {200, 202}, [one.text for one in answers]
        return [str(one.json()["data"]["jobId"]) for one in answers]

    def is_over(self, checkout_id: str) -> bool:
        """Whether nothing of it goes on."""
        status = self.field.stack.get(f"/api/orders/status/{checkout_id}")
        return status["status"] in OVER and status.get("money") != "pending"

    def handle(self, mode: str = "plain", seconds: float = 0.0) -> None:
        """How orders are handled from now on."""
        handlers.switch(self.handler_file, mode, seconds)

    def pedidos(self, *arguments: str) -> None:
        """The command line, as a page says it; it succeeds."""
        ended = self.field.stack.command(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def kill(self, parts: Sequence[Part]) -> None:
        """`kill -9`, and nobody starts another in their place."""
        for part in parts:
            part.kill()

    def freeze(self, parts: Sequence[Part]) -> None:
        """They hang: SIGSTOP."""
        for part in parts:
            part.pause()

    def restart(self, parts: Sequence[Part]) -> None:
        """As a page says it: end what is left of them, and start them."""
        self.kill(parts)
        for part in parts:
            part.start()
        for part in parts:
            until(part.is_ready, 60)

    def become(self, condition: Condition, store: str, parts: Sequence[Part] | None = None) -> None:
        """The links of these parts, of all where none are given, to a store."""
        for part in parts or self.field.parts:
            part.become(condition, [store])

    def heal(self) -> None:
        """All links are as at rest."""
        for part in self.field.parts:
            part.heal()

    @contextlib.contextmanager
    def redis(self) -> Iterator[redis.Redis]:
        """A client of the Redis itself."""
        port = self.field.parts[0].links[REDIS].port
        with contextlib.closing(redis.Redis(port=port, decode_responses=True)) as client:
            yield client

    def request(self, path: str) -> None:
        """One request, whatever its answer."""
        with contextlib.suppress(httpx.TransportError):
            self.field.stack.http.get(path, timeout=5.0)

    def settle(self) -> None:
        """Everything is there and well, and nothing is left of before."""
        self.heal()
        self.handle()
        self.providers.end_faults()
        for part in self.field.parts:
            with contextlib.suppress(ProcessLookupError):
                os.kill(part.pid, signal.SIGCONT)
            if part.process.process.poll() is not None:
                part.start()
        self.field.await_ready()
        self.field.stack.reset()


def targets_of(field: LinkedStack) -> Targets:
    """Where its processes answer."""
    return {
        f"pedidos-{role}": [f"127.0.0.1:{part.port}" for part in field.of(role)] for role in ROLES
    }


@contextlib.contextmanager
def watched_stack(folder: Path) -> Iterator[Scene]:
    """Started and scraped, under the product's own rules, shortened."""
    program("prometheus")
    rules = folder / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": shortened(groups())}), "utf-8")
    handler_file, log_folder = folder / "mode.json", folder / "logs"
    handlers.switch(handler_file)
    environ = {
        **handlers.SLOWED,
        handlers.VARIABLE: str(handler_file),
        "RUN_STALL_TIMEOUT_MS": str(STALL_SECONDS * 1000),
        "LOG_DIR": str(log_folder),
        "BREAKER_PAUSE_SECONDS": str(BREAKER_PAUSE_SECONDS),
    }
    with (
        running_sandbox(folder) as providers,
        linked_stack(folder, environ | providers.environ(), COUNTS) as field,
        running_prometheus(folder / "prometheus", targets_of(field), [rules]) as prometheus,
    ):
        field.stack.post("/api/products/sample")
        yield Scene(field, prometheus, providers, handler_file, log_folder)
