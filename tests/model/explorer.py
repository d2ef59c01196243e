"""Visit every state of the small world, and see whether each can still come to a good end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from tests.model.product import Product
from tests.model.small_world import is_over, moves
from tests.model.state import State


@dataclass(slots=True)
class Exploration:
    """What was seen. `wrong` is the first forbidden thing and the way there, None without one."""

    states: int = 0
    transitions: int = 0
    wrong: str | None = None
    way: list[str] = field(default_factory=list)


def explore(start: State | None = None) -> Exploration:
    """All interleavings, breadth first, so that the way to what is wrong is a shortest one."""
    with capture_logs():
        return _explore(start or State(), Product())


def _explore(first: State, product: Product) -> Exploration:
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    leads_to: dict[State, list[State]] = {}
    waiting, seen = deque([first]), Exploration()
    while waiting:
        state = waiting.popleft()
        seen.states += 1
        for move in moves(state, product):
            seen.transitions += 1
            if move.state not in came_from:
                came_from[move.state] = (state, move.name)
                waiting.append(move.state)
            if move.wrong:
                return _found(seen, move.wrong, [*_way(came_from, state), move.name])
            if not move.fault:
                leads_to.setdefault(move.state, []).append(state)
    return _with_dead_ends(seen, came_from, leads_to)


def _with_dead_ends(
    seen: Exploration,
    came_from: dict[State, tuple[State, str] | None],
    leads_to: dict[State, list[State]],
) -> Exploration:
    """Whether from every state the run still ends well when no further fault happens."""
    good = {state for state in came_from if is_over(state)}
    waiting = deque(good)
    while waiting:
        for before in leads_to.get(waiting.popleft(), ()):
            if before not in good:
                good.add(before)
                waiting.append(before)
    stuck = next((state for state in came_from if state not in good), None)
    if stuck is None:
        return seen
    return _found(seen, "the run can't end well any more", _way(came_from, stuck))


def _found(seen: Exploration, wrong: str, way: list[str]) -> Exploration:
    seen.wrong, seen.way = wrong, way
    return seen


def _way(came_from: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    steps: list[str] = []
    while (before := came_from[state]) is not None:
        state, name = before
        steps.append(name)
    return steps[::-1]
