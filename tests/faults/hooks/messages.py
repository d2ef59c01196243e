"""A hook that makes the doorbell misbehave, as the file says that `TEST_MESSAGES_FILE` names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pedidos_common.adapters.redis import transport
from pedidos_common.adapters.redis.bells import score
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.jobs import Band
from pedidos_common.domain.run_jobs import GENERATION_QUEUE, ORDERS_QUEUE
from pedidos_common.ports import Bell
from tests.faults.hooks.wrapping import Around, wrap

VARIABLE = "TEST_MESSAGES_FILE"
# a ring of the same job that Redis holds beside the real one
COPY = 1_000_000
OTHER_QUEUE = {GENERATION_QUEUE: ORDERS_QUEUE, ORDERS_QUEUE: GENERATION_QUEUE}


class Messages(StrEnum):
    """How rings arrive."""

    WELL = "well"
    TWICE = "twice"
    REVERSED = "reversed"
    LOST = "lost"
    MISROUTED = "misrouted"


def switch(path: Path, messages: Messages) -> None:
    """From the next ring on; the file changes as a whole."""
    draft = path.with_suffix(".new")
    draft.write_text(messages, "utf-8")
    draft.replace(path)


def misbehave(_role: str) -> None:
    """The hook."""
    wrap(ArqTransport, "ring", _ring)
    vars(transport)["score"] = _score


def _present() -> Messages:
    return Messages(Path(os.environ[VARIABLE]).read_text("utf-8"))


async def _ring(call: Around, bells: Sequence[Bell]) -> Any:
    match _present():
        case Messages.LOST:
            return
        case Messages.TWICE:
            await call([replace(bell, ring=bell.ring + COPY) for bell in bells])
        case Messages.MISROUTED:
            # what is rung again arrives: of a ring that always goes astray, nobody ever hears
            bells = [bell if bell.again else _astray(bell) for bell in bells]
    await call(bells)


def _astray(bell: Bell) -> Bell:
    return replace(bell, queue=OTHER_QUEUE.get(bell.queue, bell.queue))


def _score(band: Band, now_ms: float, place: int = 0, **more: Any) -> float:
    """The last one first, and the least urgent band before all others."""
    there = score(band, now_ms, place, **more)
    return -there if _present() is Messages.REVERSED else there
