"""The API and, as it sees them, the other services."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pedidos_cli.client import ApiClient, Json
from pedidos_cli.doctor.finding import Finding, fail, ok, warn
from pedidos_cli.errors import CliError, Unreachable

OLD_SECONDS = 15.0
NEEDED = ("generator", "worker")


async def look_at_api(client: ApiClient) -> AsyncIterator[Finding]:
    """Whether the API answers and is ready, and the queue's health as it tells it."""
    try:
        await client.get("/readyz")
        yield ok("API", f"{client.api} is ready")
        health = await client.get("/pedidos/health/queue")
    except Unreachable as error:
        problem = error.details.get("problem")
        if isinstance(problem, dict) and problem.keys() & {"mongo", "redis"}:
            missing = ", ".join(name for name, there in problem.items() if there is False)
            said = f"{client.api} is not ready: no {missing}{_reasons(problem)}"
            yield fail("API", said, "see the lines below")
            return
        yield fail("API", error.message, "start the stack, or correct --api")
        return
    except CliError as error:
        keyless = error.details.get("httpStatus") in {401, 403}
        remedy = "give --api-key or API_KEY" if keyless else "see the orchestrator's log"
        yield fail("API", error.message, remedy)
        return
    for finding in (*judge_processes(health.get("workers") or []), *judge_health(health)):
        yield finding


def _reasons(problem: Json) -> str:
    reasons = problem.get("reasons")
    if not isinstance(reasons, dict):
        return ""
    return "".join(f"; {name}: {reason}" for name, reason in reasons.items())


def judge_processes(workers: list[Json]) -> Iterator[Finding]:
    """Whether at least one generator and one worker are alive, by their heartbeats."""
    fresh = [one for one in workers if _age(one) <= OLD_SECONDS]
    alive = Counter(str(one.get("service")) for one in fresh)
    for service in NEEDED:
        if alive[service]:
            ages = [_age(one) for one in fresh if one.get("service") == service]
            number = alive[service]
            said = f"{number} alive, last heartbeat {min(ages):.0f} to {max(ages):.0f} s ago"
            yield ok(f"{service}s", said)
        else:
            yield fail(f"{service}s", "none is alive", f"start a {service}, or see its log")
    for old in workers:
        if _age(old) > OLD_SECONDS:
            yield warn(str(old.get("name")), f"no heartbeat for {_age(old):.0f} s", "see its log")


def judge_health(health: Json) -> Iterator[Finding]:
    """What the API itself says of the queue."""
    status = str(health.get("status"))
    said = f"{status}, phase {health.get('phase')}"
    if health.get("isStuck"):
        yield fail("queue", f"{said}, stuck: work is left and nothing moves", "see `pedidos logs`")
    elif status == "paused":
        yield warn("queue", said, "`pedidos resume` lets it go on")
    elif status in {"degraded", "error"}:
        yield warn("queue", said, "see `pedidos status`, `pedidos dead` and `pedidos logs`")
    else:
        yield ok("queue", said)
    for warning in health.get("warnings") or []:
        yield warn("API", str(warning), "see docs and `pedidos logs`")


def _age(process: Json) -> float:
    age: Any = process.get("ageSeconds")
    return float(age) if isinstance(age, int | float) else float("inf")
