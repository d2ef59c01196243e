"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is; only `fail` makes the exit status 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do (empty when nothing)."""

    subject: str
    level: Level
    message: str
    remedy: str = ""


def ok(subject: str, message: str) -> Finding:
    """All is well."""
    return Finding(subject, Level.OK, message)


def warn(subject: str, message: str, remedy: str) -> Finding:
    """It works, but not as it should."""
    return Finding(subject, Level.WARN, message, remedy)


def fail(subject: str, message: str, remedy: str) -> Finding:
    """It can't work like that."""
    return Finding(subject, Level.FAIL, message, remedy)
