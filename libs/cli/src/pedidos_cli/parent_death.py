"""A child of the supervisor never outlives it, even if the supervisor is killed by SIGKILL."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


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
