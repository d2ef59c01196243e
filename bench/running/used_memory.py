"""Memory that is in use before a run begins, as on a machine that has been up for some time.

Where a virtual machine gives its free memory back to its host, the first use of a page that is
free costs its process a call of the host: here the first 4 GiB that a process touches take 0.8 s
each, those after it 3.1 s (`python -m bench.running.used_memory`). A run of 10,000,000 orders
touches twice as much as that, half of it for MongoDB's journal, and one of 1,000,000 about 1 GiB:
of two runs of the same work the larger one would pay the host for it. A page that holds a file
which nobody needs any more is taken over without.
"""

from __future__ import annotations

import argparse
import mmap
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

GIB = 1 << 30
PIECE = 4 << 20
# what the services and servers find free, until the system takes over pages of the file
LEFT_FREE = 3 * GIB // 2


@contextmanager
def memory_in_use() -> Iterator[Callable[[], object]]:
    """What fills memory with a file's pages; its repetition costs only what was lost since then.

    The file is one hole, which takes no room on the disk.
    """
    with tempfile.TemporaryDirectory(prefix="pedidos-memory-") as folder:
        hole = Path(folder) / "hole"
        with hole.open("wb") as file:
            file.truncate(max(0, psutil.virtual_memory().available - LEFT_FREE))
        yield lambda: read_through(hole)


def read_through(file: Path) -> int:
    """Read a file and keep nothing of it; how many bytes it has."""
    piece, size = bytearray(PIECE), 0
    with file.open("rb", buffering=0) as content:
        while taken := content.readinto(piece):
            size += taken
    return size


def first_touch(gib: int) -> Iterator[float]:
    """The processor seconds that the first touch of each page takes, by GiB."""
    held = []
    for _ in range(gib):
        started = time.process_time()
        memory = mmap.mmap(-1, GIB)
        for place in range(0, GIB, mmap.PAGESIZE):
            memory[place] = 1
        held.append(memory)
        yield time.process_time() - started
    for memory in held:
        memory.close()


def main(arguments: list[str] | None = None) -> int:
    """Print what memory costs at its first touch; 2 where there is not as much of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.running.used_memory")
    parser.add_argument("--gib", type=int, default=8)
    gib = parser.parse_args(arguments).gib
    if gib * GIB + LEFT_FREE > psutil.virtual_memory().available:
        print(f"There are no {gib} GiB free: ask for less by --gib.", file=sys.stderr)
        return 2
    for number, seconds in enumerate(first_touch(gib), start=1):
        print(f"GiB {number}: {seconds:.2f} CPU s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
