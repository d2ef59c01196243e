"""How a child of the supervisor begins its life: behind others, and never to outlive its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_AUTOGROUP = "/proc/self/autogroup"


def die_with_parent() -> Callable[[], None] | None:
    """What a child calls between fork and exec so that the kernel kills it with its parent.

    Call it in the parent: nothing is loaded after the fork. None where the system can't do it
    (everywhere but Linux); there only a clean stop ends the children.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return bind


def begin_as_child(nice: int) -> Callable[[], None]:
    """What a child calls between fork and exec: it dies with its parent, and is so `nice`."""
    bind = die_with_parent()
    told = str(nice).encode()

    def begin() -> None:
        if bind is not None:
            bind()
        os.nice(nice)
        _let_other_sessions_first(told)

    return begin


def _let_other_sessions_first(nice: bytes) -> None:
    # Linux shares the processors out among sessions first, and by `nice` inside of each alone
    # (sched(7), autogroup); every child has a session of its own
    with contextlib.suppress(OSError):
        group = os.open(_AUTOGROUP, os.O_WRONLY)
        try:
            os.write(group, nice)
        finally:
            os.close(group)
