"""`kill -9` at the boundaries of a checkout's steps: just before and just after each call.

A boundary is a step, a call that its worker makes for it (of the ledger, a store, a provider, the
doorbell), and the moment. Each is met `TEST_BOUNDARY_KILLS` times in the whole stack, by whichever
process comes first; a file in the folder says so.
"""

from __future__ import annotations

import inspect
import os
import signal
import time
from pathlib import Path
from typing import Any

import structlog

from pedidos_checkout.adapters.http.payments import HttpPayments
from pedidos_checkout.adapters.http.sms import HttpSms
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.adapters.smtp.mail import SmtpMail
from pedidos_checkout.domain.steps import step_of
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.redis.transport import ArqTransport
from tests.faults.hooks.wrapping import Around, wrap

VARIABLE, KILLS = "TEST_BOUNDARIES", "TEST_BOUNDARY_KILLS"
BEFORE, AFTER = "before", "after"
LEDGER = ("claim", "settle", "create", "note_followed")
OWNERS = (
    *(MongoPaymentBook, MongoPlacedOrders, MongoStock),
    *(HttpPayments, HttpSms, SmtpMail),
)
REST_SECONDS = 3.0  # a process that has just begun does some work before it is killed


def install(role: str) -> None:
    """The hook, of workers alone."""
    if role != "worker":
        return
    boundaries = Boundaries(Path(os.environ[VARIABLE]), int(os.environ.get(KILLS, "1")))
    for method in LEDGER:
        wrap(MongoJobLedger, method, _about(boundaries, f"ledger.{method}"))
    wrap(ArqTransport, "ring", _about(boundaries, "transport.ring"))
    for owner in OWNERS:
        for name, method in vars(owner).items():
            if inspect.iscoroutinefunction(method) and not name.startswith("_"):
                wrap(owner, name, _about(boundaries, f"{owner.__name__}.{name}"))


class Boundaries:
    """Those that were met stand in the folder, a file each."""

    def __init__(self, folder: Path, kills: int) -> None:
        self._folder, self._kills = folder, kills
        self._began = time.monotonic()
        self._met: set[str] = set()

    def meet(self, call: str, moment: str, job_id: str | None) -> None:
        """End this process, where this boundary is still to be met."""
        step = step_of(job_id or "")
        name = f"{step}|{call}|{moment}"
        if step is None or name in self._met or time.monotonic() - self._began < REST_SECONDS:
            return
        for number in range(self._kills):
            if self._take(self._folder / f"{name}.{number}"):
                os.kill(os.getpid(), signal.SIGKILL)
        self._met.add(name)

    def _take(self, token: Path) -> bool:
        try:
            token.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _about(boundaries: Boundaries, name: str) -> Around:
    async def about(call: Around, *args: Any, **kwargs: Any) -> Any:
        boundaries.meet(name, BEFORE, _job(args))
        result = await call(*args, **kwargs)
        boundaries.meet(name, AFTER, _job((result, *args)))
        return result

    return about


def _job(values: tuple[Any, ...]) -> str | None:
    """The job that a call is about: what it is given, or what this task works at."""
    for value in values:
        found = getattr(value, "id", value)
        if isinstance(found, str) and step_of(found) is not None:
            return found
    bound = structlog.contextvars.get_contextvars().get("jobId")
    return str(bound) if bound else None
