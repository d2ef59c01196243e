"""What the sandbox does wrong on demand: by operation, how often, and in which share of cases."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from pedidos_sandbox.answers import Refused

MOST_FAULTS = 100


class Operation(StrEnum):
    """What a fault can be for."""

    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    LOOKUP = "lookup"
    SMS = "sms"
    MAIL = "mail"
    WEBHOOK = "webhook"


class Mode(StrEnum):
    """What goes wrong."""

    SLOW = "slow"  # waits before it does it
    FAIL = "fail"  # refuses, and does nothing
    TIMEOUT_AFTER = "timeout_after"  # does it, and does not answer in time
    DROP = "drop"  # closes the connection, and does nothing
    TWICE = "twice"
    LATE = "late"
    NEVER = "never"
    OUT_OF_ORDER = "out_of_order"  # comes behind the payment's next one


OF_WEBHOOKS = frozenset({Mode.TWICE, Mode.LATE, Mode.NEVER, Mode.OUT_OF_ORDER})
USUAL_SECONDS: Mapping[Mode, float] = {
    Mode.SLOW: 1.0,
    Mode.TIMEOUT_AFTER: 60.0,
    Mode.LATE: 2.0,
    Mode.OUT_OF_ORDER: 5.0,
}
MAIL_STATUS = 451


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """What was asked for.

    Attributes:
        seconds: how long it waits; at `out_of_order`, how long for the next webhook at most.
        status: what `fail` answers: of HTTP, for mail of SMTP.
        times: how often it happens at most, None for always.
        share: in which share of the cases, drawn from the seed.
    """

    operation: Operation
    mode: Mode
    seconds: float | None = None
    status: int | None = None
    times: int | None = None
    share: float = 1.0


@dataclass(slots=True)
class Fault:
    """A fault that was asked for, and how often it has happened."""

    id: int
    order: FaultOrder
    draws: random.Random
    happened: int = 0

    @property
    def mode(self) -> Mode:
        """What goes wrong."""
        return self.order.mode

    @property
    def seconds(self) -> float:
        """How long it waits."""
        given = self.order.seconds
        return USUAL_SECONDS.get(self.order.mode, 0.0) if given is None else given

    @property
    def status(self) -> int:
        """What `fail` answers."""
        usual = MAIL_STATUS if self.order.operation is Operation.MAIL else 503
        return self.order.status or usual

    def hits(self) -> bool:
        """Whether it happens this time; it counts then."""
        order = self.order
        if order.times is not None and self.happened >= order.times:
            return False
        if order.share < 1.0 and self.draws.random() >= order.share:
            return False
        self.happened += 1
        return True

    def shown(self) -> dict[str, Any]:
        """As `GET /control/faults` shows it."""
        order = self.order
        return {
            "id": self.id,
            "operation": order.operation,
            "mode": order.mode,
            "seconds": self.seconds,
            "status": self.status,
            "times": order.times,
            "share": order.share,
            "happened": self.happened,
        }


@dataclass(slots=True)
class Faults:
    """The faults that are on. Each draws from a row of its own that begins with `seed`."""

    seed: int
    _on: list[Fault] = field(default_factory=list)
    _count: int = 0

    def add(self, order: FaultOrder) -> Fault:
        """From now on this goes wrong.

        Raises:
            Refused: where the mode does not fit the operation, or too many are on.
        """
        _check(order)
        if len(self._on) >= MOST_FAULTS:
            raise Refused(
                HTTPStatus.CONFLICT,
                "too_many_faults",
                f"{MOST_FAULTS} faults are on: end them with DELETE /control/faults first",
            )
        self._count += 1
        fault = Fault(self._count, order, random.Random(f"{self.seed}:{self._count}"))
        self._on.append(fault)
        return fault

    def drawn(self, operation: Operation) -> Fault | None:
        """What goes wrong this time: of several the first that was asked for; None is nothing."""
        for fault in self._on:
            if fault.order.operation is operation and fault.hits():
                return fault
        return None

    def all(self) -> Sequence[Fault]:
        """Those that are on, also those that happened as often as they were to."""
        return tuple(self._on)

    def end(self) -> None:
        """Nothing goes wrong any more."""
        self._on.clear()

    def reset(self) -> None:
        """As if nothing had ever been asked for: the next ones draw as the first ones did."""
        self.end()
        self._count = 0


def _check(order: FaultOrder) -> None:
    for_webhooks = order.operation is Operation.WEBHOOK
    if for_webhooks is (order.mode in OF_WEBHOOKS):
        return
    fit = [mode for mode in Mode if (mode in OF_WEBHOOKS) is for_webhooks]
    raise Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "mode_does_not_fit",
        f"{order.operation} can't be {order.mode}: take one of {', '.join(fit)}",
    )
