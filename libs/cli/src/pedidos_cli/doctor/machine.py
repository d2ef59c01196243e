"""This machine: Python, the servers' programs, the disk."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pedidos_cli import text
from pedidos_cli.doctor.finding import Finding, fail, ok, warn
from pedidos_cli.embedded import binaries
from pedidos_cli.embedded.candidates import Candidate

OLDEST, NEWEST = (3, 11), (3, 13)
LITTLE_BYTES, TOO_LITTLE_BYTES = 5_000_000_000, 1_000_000_000


def python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Whether this Python is one that Pedidos is tested with."""
    said = f"{platform.python_version()} at {sys.executable}"
    if version < OLDEST:
        return fail("Python", said, "Python 3.11 to 3.13 is needed: `make PYTHON=python3.13 setup`")
    if version > NEWEST:
        return warn("Python", said, "tested with 3.11 to 3.13 only")
    return ok("Python", said)


def programs(server: str, given: str | None, among: Sequence[Candidate] | None = None) -> Finding:
    """Whether a program of that server runs here; no matter where an address is given instead."""
    subject = f"embedded {server}"
    found = binaries.candidates(server) if among is None else among
    try:
        binary = binaries.find(server, found)
    except binaries.NoBinary as refused:
        if given:
            return ok(subject, "none runs here, and none is needed: an address is given")
        title, _, ways = refused.message.partition("Three other ways:\n")
        return fail(subject, title.strip(), ways)
    return ok(subject, f"{binary.version} runs ({binary.path}, {binary.origin})")


def disk(folder: Path | None, free_bytes: int | None = None) -> Iterator[Finding]:
    """Room for the data: in the stack's folder, or as MongoDB itself reports it."""
    if folder is not None and free_bytes is None and folder.is_dir():
        free_bytes = shutil.disk_usage(folder).free
    if free_bytes is None:
        return
    said = f"{text.size(free_bytes)} free" + (f" at {folder}" if folder else "")
    remedy = "a million orders take about 0.5 GB: make room, or use another --data-dir"
    if free_bytes < TOO_LITTLE_BYTES:
        yield fail("disk", said, remedy)
    elif free_bytes < LITTLE_BYTES:
        yield warn("disk", said, remedy)
    else:
        yield ok("disk", said)
