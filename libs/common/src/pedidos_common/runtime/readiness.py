"""Whether the servers can be *written* to, and if not, which and why: what `/readyz` says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pedidos_common.domain.errors import Unavailable
from pedidos_common.execution.life_signs import LifeSigns
from pedidos_common.runtime.connections import Connections

Check = Callable[[], Awaitable[object]]
SHORTEST_LIMIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Each server's verdict, and of those that are not ready the reason, in our own words."""

    verdicts: Mapping[str, bool]
    reasons: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether every server is."""
        return all(self.verdicts.values())


async def readiness(checks: Mapping[str, Check], seconds: float) -> Readiness:
    """Make all checks side by side: no is one that says False, raises, or takes longer."""
    found = await asyncio.gather(*(_refusal(check, seconds) for check in checks.values()))
    reasons = {name: reason for name, reason in zip(checks, found, strict=True) if reason}
    return Readiness({name: name not in reasons for name in checks}, reasons)


async def _refusal(check: Check, seconds: float) -> str:
    """Why a check does not hold; nothing when it does."""
    try:
        async with asyncio.timeout(seconds):
            return "it does not answer" if await check() is False else ""
    except TimeoutError:
        return f"it does not answer within {seconds:g} s"
    except Unavailable as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is not ready
        return f"it can't be asked ({type(error).__name__})"


def checks_of(
    connections: Connections, signs: LifeSigns, lease_seconds: float
) -> Mapping[str, Check]:
    """Whether each server can be written to now, MongoDB by this process's own heartbeats."""
    checks = connections.checks()
    return {**checks, "mongo": taking_writes(checks["mongo"], signs, lease_seconds)}


def taking_writes(answers: Check, signs: LifeSigns, lease_seconds: float) -> Check:
    """Whether MongoDB answers, and has acknowledged a heartbeat within one lease.

    A primary that lost its majority, or whose disk is full, still answers and says that it can be
    written to.
    """
    limit = max(lease_seconds, SHORTEST_LIMIT_SECONDS)

    async def check() -> bool:
        if await answers() is False:
            return False
        age = signs.seconds_since_write()
        if age > limit:
            raise Unavailable(
                f"it answers, but has acknowledged no write of this process for {age:.0f} s: "
                "has it lost its majority, or is its disk full? See heartbeat_failed in the log"
            )
        return True

    return check
