"""What makes a process of a running stack come to a failpoint; each may be done again and again."""

from __future__ import annotations

from tests.e2e import handlers
from tests.faults.hurting import Hurting

SLOW = 0.2


def a_run(hurt: Hurting) -> None:
    """A run goes on as fast as it can."""
    handlers.switch(hurt.mode)


def a_slow_run(hurt: Hurting) -> None:
    """A run in which workers hold jobs for a while."""
    handlers.switch(hurt.mode, seconds=SLOW)
