"""What can go wrong in the domain's own terms."""

from __future__ import annotations


class PedidosError(Exception):
    """Base of every error that this project raises on purpose."""


class InvalidTransition(PedidosError):
    """A trigger that the present state does not know.

    Attributes:
        state: the state something was in.
        trigger: what was asked of it.
    """

    def __init__(self, state: str, trigger: str) -> None:
        super().__init__(f"{trigger!r} is not possible from {state!r}")
        self.state = state
        self.trigger = trigger


class RunAlreadyActive(PedidosError):
    """Only one run may be active; `run_id` names the one that is."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"run {run_id} is active: wait for its end, or cancel it first")
        self.run_id = run_id


class ResetInProgress(PedidosError):
    """A reset is wiping: nothing may start, resume or reset meanwhile."""

    def __init__(self) -> None:
        super().__init__("a reset is going on: try again in a moment")


class LeaseLost(PedidosError):
    """The job belongs to another worker by now; whatever was done is refused."""


class PermanentOrderError(PedidosError):
    """Raised by an order handler: this order can't succeed, do not try it again."""


class Unavailable(PedidosError):
    """A server that we depend on did not answer; the same call may work later."""
