"""Programs of servers: where one was found, and what became of trying it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

NAMES = {"mongod": ("mongod",), "redis-server": ("redis-server", "valkey-server")}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that might do; `origin` says where it was found."""

    path: Path
    origin: str


@dataclass(frozen=True, slots=True)
class Binary:
    """A server's program that was seen to run on this machine."""

    path: Path
    origin: str
    version: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a program will not do here."""

    candidate: Candidate
    reason: str


def machine() -> str:
    """This machine's system and processor, as messages name them."""
    return f"{platform.system()} on {platform.machine()}"
