"""What a process does that can't start."""

from __future__ import annotations

import sys
from typing import NoReturn

EXIT_CANT_START = 2


def give_up(why: str) -> NoReturn:
    """Say why on standard error, without a traceback, and exit with status 2."""
    sys.stderr.write(f"Can't start{why}\n")
    raise SystemExit(EXIT_CANT_START)
