"""Guards of checkout's steps, each taken away in workers: so that a drill is seen to notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from pedidos_checkout.adapters.http.payments import HttpPayments
from pedidos_checkout.steps.stepping import StepFunction
from tests.faults.hooks.wrapping import Around, wrap


def fresh_keys(role: str) -> None:
    """Each try at a payment has an idempotency key of its own, and finds none of an earlier one."""

    async def blind(_call: Around, *_args: Any) -> None:
        return None

    async def about(call: Around, key: str, *args: Any) -> Any:
        return await call(f"{key}:{uuid4().hex}", *args)

    if role == "worker":
        wrap(HttpPayments, "authorise", about)
        wrap(HttpPayments, "find", blind)


def nothing_undone(role: str) -> None:
    """Nothing follows from a step that is given up."""

    def about(call: Around, *args: Any) -> Any:
        return replace(call(*args), follow_ups=())

    if role == "worker":
        wrap(StepFunction, "_failed", about)
