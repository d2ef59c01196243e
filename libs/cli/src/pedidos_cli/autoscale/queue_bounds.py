"""Which queues get worker processes of their own, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pedidos_cli.autoscale.bounds import MOST_WORKERS
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_common.domain.queues import WORKER_QUEUES, QueueTable, Scale
from pedidos_common.runtime.queue_file import WrongQueues, read_queues

EXAMPLE = "payment-processing=1:8,inventory"


def scales_named(text: str | None, queues_file: str | None) -> Mapping[str, Scale]:
    """`payment-processing=1:8,inventory` as each queue's scale; where no bounds are given, its own.

    Raises:
        CliError: saying what was given and how it is written, or what is wrong in the file.
    """
    if not text:
        return {}
    table = _table(queues_file)
    found: dict[str, Scale] = {}
    for part in text.split(","):
        queue, _, bounds = (piece.strip() for piece in part.partition("="))
        if queue not in WORKER_QUEUES or queue in found:
            raise _wrong(text, f"{queue!r} is no queue of workers, or stands there twice")
        found[queue] = _scale(table[queue].scale, bounds, text)
    return found


def _table(queues_file: str | None) -> QueueTable:
    try:
        return read_queues(Path(queues_file)) if queues_file else QueueTable()
    except WrongQueues as error:
        raise CliError(f"QUEUES_FILE is wrong: {error}", ExitStatus.USAGE) from error


def _scale(scale: Scale, bounds: str, text: str) -> Scale:
    if not bounds:
        return scale
    least, _, most = bounds.partition(":")
    try:
        wanted = replace(scale, least=int(least), most=int(most))
    except ValueError:
        raise _wrong(text, f"{bounds!r} are no two numbers") from None
    if not 0 <= wanted.least <= wanted.most <= MOST_WORKERS or not wanted.most:
        raise _wrong(text, f"{bounds!r} is no range from 0 to {MOST_WORKERS}")
    return wanted


def _wrong(text: str, why: str) -> CliError:
    return CliError(
        f"--autoscale-queues {text!r}: {why}. Give queues with the least and the most of their "
        f"processes, as in {EXAMPLE}; there are {', '.join(WORKER_QUEUES)}",
        ExitStatus.USAGE,
    )
