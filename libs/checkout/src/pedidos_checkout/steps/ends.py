"""How one run of a step may end, as its own code says it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import Ending
from pedidos_common.domain.jobs import Job
from pedidos_common.execution.registry import JobContext


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done; `result` is kept with its job."""

    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The world said no; `error` is what the customer is told."""

    code: Ending
    error: str


@dataclass(frozen=True, slots=True)
class Waits:
    """Nothing is wrong, and something has to happen first: look again after `delay_seconds`."""

    reason: str
    delay_seconds: float
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotDone:
    """This attempt failed, and a later one may not: its queue says when, and how often."""

    reason: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """It can't be done, however often it is tried: a dead letter."""

    reason: str


End = Done | Refused | Waits | NotDone | Impossible
Do = Callable[[Checkout, Job, JobContext], Awaitable[End]]
IsDone = Callable[[Checkout], Awaitable[bool]]


async def never_known(_checkout: Checkout) -> bool:
    """Whether a step that is to be given up was done all the same: nobody can tell."""
    return False
