"""Versions of a job's payload: how a release reads what an earlier one wrote.

A kind of job starts with version 1. A release that changes its payload adds one upgrade, which
makes the next version of the one before it. Workers take what is older than they are in their own
form, and hand back what is newer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Payload = Mapping[str, Any]
Upgrade = Callable[[Payload], Payload]


def newest_version(upgrades: Sequence[Upgrade]) -> int:
    """The version that this release writes, and the newest that it understands."""
    return 1 + len(upgrades)


def upgraded(payload: Payload, version: int, upgrades: Sequence[Upgrade]) -> Payload:
    """The payload of that version in the newest form; the upgrades are from version 1 on."""
    for upgrade in upgrades[version - 1 :]:
        payload = upgrade(payload)
    return payload
