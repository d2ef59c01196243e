"""A small world of one run, for an exhaustive look: three workers, two VIP and two NORMAL batches.

What a claim, a batch's writes, a settle, a round of the reconciler and a step of the engine make of
it, the product's own code says (`product.py`): ledger and order store with their queries and
updates, the built-in processing of a batch, reconciler and run engine, each over a server that is
a dictionary. Modelled is what no code of the product is: that server, processes that die, freeze or
are forgotten by it, rings on their way, and whose heart beats. A batch has one order, everything
happens one operation at a time, and a round of the reconciler sees one job.
"""

from __future__ import annotations

from collections.abc import Iterator

from pedidos_common.domain.runs import Phase
from tests.model.product import Product
from tests.model.repair_moves import faults, repairs
from tests.model.state import NORMAL, VIP, Move, State
from tests.model.work_moves import claims, engine_steps, settles, writes

RULES = (engine_steps, claims, writes, settles, repairs, faults)


def moves(state: State, product: Product) -> Iterator[Move]:
    """Everything that can happen next.

    Workers are alike, and so are the two batches of a priority: states that differ by a swap of
    them are one, which leaves about an eighth of them to visit.
    """
    for rule in RULES:
        for move in rule(state, product):
            yield move._replace(state=_in_order(move.state))


def _in_order(state: State) -> State:
    for first, second in (VIP, NORMAL):
        if _looks(state, first) > _looks(state, second):
            state = _swapped(state, first, second)
    return state._replace(workers=tuple(sorted(state.workers, key=lambda held: held or ())))


def _looks(state: State, index: int) -> tuple[object, ...]:
    """All that tells a batch from another."""
    held = sorted(h[1:] for h in state.workers if h and h.job == index)
    spotted = state.spotted[1:] if state.spotted and state.spotted[0] == index else ()
    in_rings = index in state.rings
    return (
        state.jobs[index] or (),
        state.writes[index],
        in_rings,
        held,
        state.turns[index],
        spotted,
    )


def _swapped(state: State, first: int, second: int) -> State:
    place = list(range(4))
    place[first], place[second] = second, first
    workers = [held._replace(job=place[held.job]) if held else None for held in state.workers]
    spotted = state.spotted
    return state._replace(
        jobs=tuple(state.jobs[n] for n in place),
        writes=tuple(state.writes[n] for n in place),
        turns=tuple(state.turns[n] for n in place),
        workers=tuple(workers),
        rings=frozenset(place[n] for n in state.rings),
        spotted=(place[spotted[0]], spotted[1]) if spotted else None,
    )


def is_over(state: State) -> bool:
    """The run is DONE, and every order ended once."""
    return state.phase is Phase.DONE and state.writes == (1, 1, 1, 1)
