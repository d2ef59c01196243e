"""Which queues a worker serves: all, unless it is told."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.queues import CHECKOUT_QUEUES, GENERATION, WORKER_QUEUES


class UnknownQueue(PedidosError):
    """A worker was told to serve what it can't."""


def told_queues(arguments: Sequence[str]) -> str | None:
    """What `--queues` says; ends the process where it is asked for help, or told other things."""
    parser = ArgumentParser(
        "python -m pedidos_worker",
        description="Executes jobs until SIGTERM or SIGINT. Every other setting is a variable of "
        "the environment, by README.md.",
    )
    parser.add_argument(
        "--queues",
        metavar="NAME,NAME",
        help="the queues that it serves, instead of those of WORKER_QUEUES; all without both: "
        f"{', '.join(WORKER_QUEUES)}",
    )
    told: str | None = parser.parse_args(arguments).queues
    return told


def served_queues(told: str | None, *, has_checkout: bool = True) -> Sequence[str]:
    """The queues of a list with commas, each once; all of a worker's without one.

    Those of checkout are served only by who `has_checkout`: it could do nothing with their jobs.

    Raises:
        UnknownQueue: when there is no such queue, or it can't be served here.
    """
    if told is None:
        return [name for name in WORKER_QUEUES if has_checkout or name not in CHECKOUT_QUEUES]
    names = list(dict.fromkeys(name.strip() for name in told.split(",") if name.strip()))
    wrong = [name for name in names if name not in WORKER_QUEUES]
    if not names or wrong:
        raise UnknownQueue(f"{_why(wrong)}; a worker can serve {', '.join(WORKER_QUEUES)}")
    if not has_checkout and (idle := [name for name in names if name in CHECKOUT_QUEUES]):
        raise UnknownQueue(f"PAYMENT_URL is not set, and {', '.join(idle)} needs it: set it")
    return names


def _why(wrong: Sequence[str]) -> str:
    if GENERATION in wrong:
        return f"{GENERATION} is the generators' queue"
    return f"there is no queue {', '.join(wrong)}" if wrong else "no queue is named"
