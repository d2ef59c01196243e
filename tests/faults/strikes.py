"""Faults as they are done to real processes and servers."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pymongo.errors
import redis

from tests.e2e.stack import Stack, until
from tests.faults.recovery import Wound, held_by, rung_jobs, running_jobs
from tests.faults.storm import AT_WORK, Act, Event
from tests.faults.twin import Twin
from tests.own_redis import OwnRedis

SIGNALS = {Act.KILL: signal.SIGKILL, Act.TERM: signal.SIGTERM}
SECONDS_TO_FIND_WORK = 3.0


@dataclass(frozen=True, slots=True)
class Field:
    """What can be hurt."""

    stack: Stack
    redis: OwnRedis
    twin: Twin


def strike(field: Field, event: Event) -> Wound:
    """Do it; returns once it is over, or at once where others go on in the victim's place."""
    time.sleep(event.after_seconds)
    if event.role in AT_WORK:
        return _strike_at_work(field.stack, event)
    if event.role == "orchestrator":
        return _strike_leader(field, event)
    return _strike_mongod(field.stack, event) if event.role == "mongod" else _redis(field, event)


# --- processes


def _strike_at_work(stack: Stack, event: Event) -> Wound:
    pid = stack.processes(event.role)[event.index]["pid"]
    held = _stop_at_work(stack, pid)
    struck_at = time.monotonic()
    await_end = _hurt(pid, event)
    return Wound(event, held, struck_at, struck_at, await_end=await_end)


def _stop_at_work(stack: Stack, pid: int) -> list[str]:
    """SIGSTOP it while it holds jobs, if it does soon; which, once nothing moves."""
    deadline = time.monotonic() + SECONDS_TO_FIND_WORK

    def stopped() -> tuple[list[str]] | None:
        os.kill(pid, signal.SIGSTOP)
        before: list[str] = []
        # what it sent before it stopped may still arrive
        while (held := held_by(stack, pid)) != before:
            before = held
        if held or time.monotonic() > deadline:
            return (held,)
        os.kill(pid, signal.SIGCONT)
        return None

    return until(stopped, 60)[0]


def _hurt(pid: int, event: Event) -> Callable[[], None]:
    """Signal a process; what waits until one that is frozen goes on by itself."""
    if event.act is not Act.FREEZE:
        os.kill(pid, SIGNALS[event.act])
        _continue(pid)
        return _over
    os.kill(pid, signal.SIGSTOP)
    thaw = threading.Timer(event.for_seconds, _continue, [pid])
    thaw.start()
    return thaw.join


def _over() -> None:
    """Nothing to wait for."""


def _continue(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _strike_leader(field: Field, event: Event) -> Wound:
    """The orchestrator that leads, for the other one to take over."""
    stack = field.stack
    holder = until(lambda: _leader(stack))
    struck_at = time.monotonic()
    await_end = _over
    if holder.startswith(f"{field.twin.name}/"):
        if event.act in SIGNALS:
            field.twin.end(SIGNALS[event.act])
        else:
            await_end = _hurt(field.twin.pid, event)
    else:
        await_end = _hurt(stack.processes("orchestrator")[0]["pid"], event)

    def led_by_another() -> bool:
        return _leader(stack) not in {None, holder}

    return Wound(event, [], struck_at, struck_at, led_by_another, await_end)


def _leader(stack: Stack) -> str | None:
    lease = stack.database.leases.find_one({"_id": "engine"})
    return lease["holder"] if lease else None


# --- servers


def _strike_mongod(stack: Stack, event: Event) -> Wound:
    held = until(lambda: (running_jobs(stack),))[0]
    pid = stack.processes("mongod")[0]["pid"]
    struck_at = time.monotonic()
    _hurt(pid, event)()
    if event.act is not Act.FREEZE:
        until(lambda: stack.processes("mongod")[0]["pid"] != pid, 60)
    until(lambda: stack.database.command("ping"), 60)
    return Wound(event, held, struck_at, time.monotonic())


def _redis(field: Field, event: Event) -> Wound:
    held: list[str] = []
    with contextlib.suppress(pymongo.errors.PyMongoError):  # it may be away as well
        held = rung_jobs(field.stack)
    struck_at = time.monotonic()
    with _hurting_redis(field.redis, event.act):
        time.sleep(event.for_seconds)
    return Wound(event, held, struck_at, time.monotonic())


@contextlib.contextmanager
def _hurting_redis(server: OwnRedis, act: Act) -> Iterator[None]:
    match act:
        case Act.FREEZE:
            server.signal(signal.SIGSTOP)
            yield
            server.signal(signal.SIGCONT)
        case Act.FLUSH | Act.FULL:
            with contextlib.closing(redis.Redis.from_url(server.url, socket_timeout=10)) as client:
                client.flushall() if act is Act.FLUSH else client.config_set("maxmemory", 1)
                yield
                client.config_set("maxmemory", 0)
        case _:
            server.stop() if act is Act.TERM else server.kill()
            yield
            server.start()
