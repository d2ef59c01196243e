"""Checkouts that arrive by the clock, whatever becomes of those before them (open loop).

Arrivals are a Poisson process of a given rate. Each is sent when it is due by a greenlet of its
own, and its time counts from when it was due: what waits because the ones before it are slow is
not left out. By itself, on a stack that runs (`pedidos up --sandbox`):

    make load LOCUST=1 LOAD_ARGS='--host http://127.0.0.1:3000 --rate 50 --seconds 30'
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Pool
from geventhttpclient import HTTPClient
from locust import User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from bench.load.mix import Arrival, Shares, arrivals

CONNECTIONS = 200
MOST_AT_ONCE = 2_000
ANSWER_SECONDS = 30.0
PRODUCTS = 1_000


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=100.0, help="arrivals a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long they arrive")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prefix", default="load", help="how idempotency keys begin")
    parser.add_argument("--shares", default="{}", help="shares of the mix, as JSON")
    parser.add_argument("--discount", default="", help="a discount code that is used")
    parser.add_argument("--polls", type=float, default=0.2, help="share that asks how it stands")
    parser.add_argument("--out", default="", help="file for each request's kind, time and answer")


class Arrivals(User):  # type: ignore[misc]
    """The clock: one of it sends everything."""

    fixed_count = 1

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        options = environment.parsed_options
        assert options is not None
        self._options, self._chance = options, random.Random(options.seed)
        self._http = HTTPClient.from_url(
            str(environment.host),
            concurrency=CONNECTIONS,
            connection_timeout=ANSWER_SECONDS,
            network_timeout=ANSWER_SECONDS,
        )
        self._pool, self._rows = Pool(MOST_AT_ONCE), list[dict[str, Any]]()

    @task  # type: ignore[untyped-decorator]
    def send(self) -> None:
        """Send until the time is over, wait for what is under way, and end."""
        due = time.monotonic()
        end = due + self._options.seconds
        for arrival in self._mix():
            due += self._chance.expovariate(self._options.rate)
            if due >= end:
                break
            gevent.sleep(max(0.0, due - time.monotonic()))
            if self._pool.free_count() <= 0:
                self._note("checkout", due, None, "too many are under way: the service is behind")
            else:
                self._pool.spawn(self._place, arrival, due)
        self._pool.join(ANSWER_SECONDS)
        self._write()
        self.environment.runner.quit()

    def _mix(self) -> Iterator[Arrival]:
        answer = json.loads(self._http.get(f"/api/products?limit={PRODUCTS}").read())
        skus = [product["productId"] for product in answer["items"]]
        shares = Shares(**json.loads(self._options.shares))
        options = self._options
        return arrivals(skus, shares, options.seed, options.prefix, options.discount or None)

    def _place(self, arrival: Arrival, due: float) -> None:
        body = json.dumps(arrival.body).encode()
        headers = {"content-type": "application/json", "idempotency-key": arrival.key}
        status, answer = self._ask("POST", "/api/checkout", body, headers)
        kind = "again" if arrival.again else "vip" if arrival.is_vip else "normal"
        kind = "wrong" if arrival.right == 422 else kind
        wrong = None if status in {arrival.right, 200, 503} else f"answered {status}"
        self._note(f"checkout {kind}", due, status, wrong)
        if status == 202 and self._chance.random() < self._options.polls:
            gevent.sleep(self._chance.uniform(0.5, 3.0))
            self._look(str(answer["data"]["jobId"]))

    def _look(self, job_id: str) -> None:
        due = time.monotonic()
        status, _answer = self._ask("GET", f"/api/orders/status/{job_id}", b"", {})
        self._note("status", due, status, None if status == 200 else f"answered {status}")

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int | None, Any]:
        try:
            response = self._http.request(method, path, body=body, headers=headers)
            text = response.read()
            return response.status_code, json.loads(text) if text else {}
        except (OSError, ValueError, gevent.Timeout):
            return None, {}

    def _note(self, kind: str, due: float, status: int | None, wrong: str | None) -> None:
        milliseconds = (time.monotonic() - due) * 1000
        row = {"kind": kind, "ms": round(milliseconds, 2), "status": status, "at": time.time()}
        self._rows.append(row)
        self.environment.events.request.fire(
            request_type="HTTP",
            name=kind,
            response_time=milliseconds,
            response_length=0,
            exception=RuntimeError(wrong) if wrong else None,
            context={},
        )

    def _write(self) -> None:
        if self._options.out:
            Path(self._options.out).write_text(json.dumps(self._rows), encoding="utf-8")
