"""`kill -9` at the boundaries of a checkout's steps: just before and just after each call.

A boundary is a step, a call that its worker makes for it (of the ledger, the doorbell, a provider,
or a write of a store), and the moment. Each is met once in the whole stack, by whichever process
comes first; a file in the folder says so.

What is hooked is every method of these that `points` does not name as reading, whoever calls it;
`CALLS` says which of them each step makes. So what is met of all of it is exactly `every()`, or a
step does what nobody wrote down here.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import structlog

from pedidos_checkout.adapters.http.payments import HttpPayments
from pedidos_checkout.adapters.http.sms import HttpSms
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.adapters.smtp.mail import SmtpMail
from pedidos_checkout.domain.flow import FORWARD
from pedidos_checkout.domain.steps import Step, step_of
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.redis.transport import ArqTransport
from tests.faults.hooks.points import READING
from tests.faults.hooks.wrapping import Around, wrap

VARIABLE, REST = "TEST_BOUNDARIES", "TEST_BOUNDARY_REST_SECONDS"
BEFORE, AFTER = "before", "after"
STORES = (MongoPaymentBook, MongoPlacedOrders, MongoStock)
PROVIDERS = (HttpPayments, HttpSms, SmtpMail)
LEDGER = ("claim", "settle", "create", "note_followed")
REST_SECONDS = "1.2"  # a process that has just begun does some work before it is killed
SPARED = "spared"

ALWAYS = ("MongoJobLedger.claim", "MongoJobLedger.settle")
FOLLOWED = ("MongoJobLedger.create", "ArqTransport.ring", "MongoJobLedger.note_followed")
BOOKED = ("MongoPaymentBook.begin", "MongoPaymentBook.note")
CALLS: Mapping[Step, tuple[str, ...]] = {
    Step.PAYMENT: (
        *BOOKED,
        *("HttpPayments.authorise", "HttpPayments.get", "HttpPayments.find"),
    ),
    Step.STOCK: ("MongoStock.reserve",),
    Step.ORDER: ("MongoStock.pin", "MongoPlacedOrders.create", "MongoPlacedOrders.confirm"),
    Step.CAPTURE: (
        *(*BOOKED, "HttpPayments.capture", "HttpPayments.get"),
        "MongoPlacedOrders.confirm",
    ),
    Step.INVENTORY: ("MongoStock.commit",),
    Step.CONFIRMATION: ("SmtpMail.send",),
    Step.SMS: ("HttpSms.send",),
    Step.UNDO_PAYMENT: (
        *(*BOOKED, "HttpPayments.get", "HttpPayments.find", "HttpPayments.authorise"),
        *("HttpPayments.void", "HttpPayments.refund"),
    ),
    Step.UNDO_STOCK: ("MongoStock.release",),
    Step.UNDO_ORDER: ("MongoPlacedOrders.cancel",),
    Step.RECOVERY: ("SmtpMail.send",),
}


def every() -> Iterator[tuple[str, str, str]]:
    """Each boundary there is: step, call, moment."""
    for step, own in CALLS.items():
        followed = FOLLOWED if step in FORWARD else ()
        for call in (*ALWAYS, *own, *followed):
            yield from ((step, call, moment) for moment in (BEFORE, AFTER))


def spare_all_but(folder: Path, these: Iterable[tuple[str, str, str]]) -> None:
    """No worker is killed at any boundary but these."""
    for spared in set(every()) - set(these):
        (folder / "|".join(spared)).write_text(SPARED, encoding="utf-8")


def met_in(folder: Path) -> set[tuple[str, ...]]:
    """The boundaries at which a worker was killed: step, call, moment."""
    return {tuple(path.name.split("|")) for path in folder.iterdir() if not path.stat().st_size}


def install(role: str) -> None:
    """The hook, of workers alone."""
    if role != "worker":
        return
    rest_seconds = float(os.environ.get(REST, REST_SECONDS))
    boundaries = Boundaries(Path(os.environ[VARIABLE]), rest_seconds)
    for owner, method in _hooked():
        wrap(owner, method, _about(boundaries, f"{owner.__name__}.{method}"))


def _hooked() -> Iterator[tuple[type, str]]:
    yield from ((MongoJobLedger, method) for method in LEDGER)
    yield ArqTransport, "ring"
    for owner in (*STORES, *PROVIDERS):
        for name, method in vars(owner).items():
            is_own = name.startswith("_") or name in (*READING.get(owner, ()), "close")
            if iscoroutinefunction(method) and not is_own:
                yield owner, name


class Boundaries:
    """Those that were met stand in the folder, a file each."""

    def __init__(self, folder: Path, rest_seconds: float) -> None:
        self._folder, self._rest_seconds = folder, rest_seconds
        self._began: float | None = None
        self._met: set[str] = set()

    def meet(self, call: str, moment: str, job_id: str | None) -> None:
        """End this process, where this boundary is still to be met."""
        step = step_of(job_id or "")
        name = f"{step}|{call}|{moment}"
        if step is None or name in self._met or self._rests():
            return
        if self._take(self._folder / name):
            os.kill(os.getpid(), signal.SIGKILL)
        self._met.add(name)

    def _rests(self) -> bool:
        self._began = self._began or time.monotonic()
        return time.monotonic() - self._began < self._rest_seconds

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
    """The job that a call is made for: what this task works at, or what the call is given."""
    bound = structlog.contextvars.get_contextvars().get("jobId")
    if bound is not None:
        return str(bound)
    found = (getattr(value, "id", value) for value in values)
    return next((one for one in found if isinstance(one, str) and step_of(one)), None)
