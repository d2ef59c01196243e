"""From a handler's answers to what is written: alike orders together, outliers one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.jobs import RetryPolicy
from pedidos_common.domain.orders import OBSERVATION, Order, OrderFailure
from pedidos_common.domain.texts import describe, storable
from pedidos_worker.handlers import Answer

OBSERVATION_LIMIT = 500


@dataclass(slots=True)
class Verdicts:
    """What became of a slice of orders.

    `alike` is the observation that most of them share, `others` those with another one;
    `retry_seconds` is the longest wish to wait among failures that are not final, None without
    any.
    """

    alike: str | None = None
    others: dict[UUID, str] = field(default_factory=dict)
    failures: list[OrderFailure] = field(default_factory=list)
    retry_seconds: float | None = None

    @property
    def outliers(self) -> list[UUID]:
        """Orders that did not go like the most."""
        return [*self.others, *(failure.id for failure in self.failures)]


def judge(orders: Sequence[Order], answers: Sequence[Answer], retry: RetryPolicy) -> Verdicts:
    """Sort a slice's answers; `retry` says how often and how late an order is tried again."""
    verdicts = Verdicts()
    texts: dict[UUID, str] = {}
    for order, answer in zip(orders, answers, strict=True):
        if isinstance(answer, BaseException):
            _fail(verdicts, order, answer, retry)
        else:
            text = answer or OBSERVATION[order.priority]
            texts[order.id] = storable(text[:OBSERVATION_LIMIT])
    if texts:
        verdicts.alike = Counter(texts.values()).most_common(1)[0][0]
        verdicts.others = {id_: text for id_, text in texts.items() if text != verdicts.alike}
    return verdicts


def _fail(verdicts: Verdicts, order: Order, error: BaseException, retry: RetryPolicy) -> None:
    permanent = isinstance(error, PermanentOrderError)
    delay = None if permanent else retry.delay(order.attempts + 1)
    reason = describe(error)
    if permanent:
        reason = reason.partition(": ")[2] or reason
    verdicts.failures.append(OrderFailure(order.id, reason, final=delay is None))
    if delay is not None:
        verdicts.retry_seconds = max(delay, verdicts.retry_seconds or 0.0)
