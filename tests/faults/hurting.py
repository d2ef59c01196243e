"""Runs of a live stack whose processes fail at failpoints, and how soon each failure is mended."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
from pymongo.errors import PyMongoError

from pedidos_cli.audit import audit_run
from tests.e2e import handlers
from tests.e2e.stack import ENDED, Stack, until
from tests.faults.armed import Armed, Failpoints, Fired
from tests.faults.hooks.failpoints import TELL
from tests.faults.mending import leader, struck_last, table, thaw
from tests.faults.recovery import settled
from tests.faults.twin import Twin

RECOVERY_SECONDS = 15.0
REACHED_SECONDS = 40.0
HEALED_SECONDS = 60.0
ANSWER_SECONDS = 5.0
NOT_YET = (httpx.TransportError, PyMongoError, IndexError, OSError)
DEAD = psutil.STATUS_ZOMBIE
Provoke = Callable[["Hurting"], None]


class Hurting:
    """One run after the other while failpoints fire; each run that is DONE is audited."""

    def __init__(
        self,
        stack: Stack,
        failpoints: Failpoints,
        mode: Path,
        quantity: int,
        twin: Twin | None = None,
    ) -> None:
        self.stack, self.mode, self._twin = stack, mode, twin
        # whoever is asked may be the one that is frozen, and others wait for what is done then
        self.stack.http.timeout = ANSWER_SECONDS
        self._failpoints, self._quantity = failpoints, quantity
        self._looked_at: set[str] = set()
        self._mended: set[Armed] = set()
        self._did_at = self._led_since = float("-inf")
        self._leader = ""
        self.recovered: list[tuple[Armed, float]] = []
        self.audited = 0

    def hurt(self, provoke: Provoke, *those: Armed) -> None:
        """Arm these, provoke them until each has fired, and wait until each is mended."""
        self._mended.clear()
        fired: list[Fired] = []
        try:
            self._await_fired(provoke, self._failpoints.arm(*those), fired)
            until(lambda: self._all_healed_beside_a_twin(fired), HEALED_SECONDS, 0.02)
        except AssertionError as late:
            raise AssertionError(f"{late}; fired: {fired}; mended: {self._mended}") from late
        finally:
            thaw(fired)
        self.tidy()

    def _await_fired(self, provoke: Provoke, left: dict[str, Armed], fired: list[Fired]) -> None:
        deadline = time.monotonic() + REACHED_SECONDS
        while left:
            assert time.monotonic() < deadline, f"not reached: {list(map(str, left.values()))}"
            with contextlib.suppress(*NOT_YET):
                provoke(self)
            # whoever is asked may be the one that is frozen by it, and answers nothing
            with contextlib.suppress(*NOT_YET):
                fired += self._newly_fired(left)
                self._all_healed(fired)
            time.sleep(0.02)

    def tidy(self) -> None:
        """All processes are there again, and the queue is open."""
        self.stack.await_ready()
        self.revive_twin()
        until(lambda: self.stack.http.post("/pedidos/queue/resume").is_success)

    def revive_twin(self) -> None:
        """Start the second orchestrator again where it has ended, as nobody else does; await it."""
        self._restart_twin_if_dead()
        if self._twin is not None:
            self._twin.await_ready()

    def _restart_twin_if_dead(self) -> None:
        """One that is frozen is not dead, and gets ready only later."""
        if self._twin is None:
            return
        if not psutil.pid_exists(self._twin.pid) or psutil.Process(self._twin.pid).status() == DEAD:
            self._twin.end(signal.SIGKILL)

    def may_again(self, every_seconds: float) -> bool:
        """Whether that long has passed since this was last true: what is stopped must come back."""
        due = time.monotonic() - self._did_at >= every_seconds
        self._did_at = time.monotonic() if due else self._did_at
        return due

    def settled_leader(self, seconds: float) -> int | None:
        """The process id of the orchestrator that leads, once it was seen to for so long."""
        found, now = leader(self.stack), time.monotonic()
        if found is None or found[0] != self._leader:
            self._leader, self._led_since = found[0] if found else "", now
            return None
        return found[1] if now - self._led_since >= seconds else None

    def orchestrators(self) -> list[int]:
        """Their process ids."""
        twin = [] if self._twin is None else [self._twin.pid]
        return [*(one["pid"] for one in self.stack.processes("orchestrator")), *twin]

    def _newly_fired(self, left: dict[str, Armed]) -> list[Fired]:
        found = [self._failpoints.fired(name, one) for name, one in left.items()]
        fired = [one for one in found if one is not None]
        for name in [name for name, one in left.items() if one in {f.armed for f in fired}]:
            del left[name]
        return fired

    # --- recovery

    def _all_healed_beside_a_twin(self, fired: list[Fired]) -> bool:
        """The same; a twin that was stopped to provoke them may end only now."""
        self._restart_twin_if_dead()
        return self._all_healed(fired)

    def _all_healed(self, fired: list[Fired]) -> bool:
        """Whether others did what each victim had to do; those that are mended are noted."""
        for one in [one for one in fired if self._healed(one)]:
            seconds = time.monotonic() - struck_last(one, fired)
            self.recovered.append((one.armed, seconds))
            self._mended.add(one.armed)
        return all(one.armed in self._mended for one in fired)

    def _healed(self, fired: Fired) -> bool:
        if fired.armed in self._mended:
            return False
        leads = fired.armed.role == "orchestrator" and fired.armed.effect != TELL
        return self._led_again(fired) if leads else self._jobs_settled(fired)

    def _jobs_settled(self, fired: Fired) -> bool:
        return settled(self.stack, fired.held)

    def _led_again(self, fired: Fired) -> bool:
        """Whether another process leads, and has written into the run if there is one."""
        lease = self.stack.database.leases.find_one({"_id": "engine"})
        if lease is None or lease["holder"] in {None, fired.holder}:
            return False
        old = {"active": True, "epoch": {"$lt": lease["epoch"]}}
        return self.stack.database.process_runs.find_one(old) is None

    # --- runs

    def keep_running(self) -> None:
        """Start a run where none is active; the one before is audited."""
        if not self._is_running():
            self._audit()
            self.stack.http.post("/pedidos/generate", params={"quantity": self._quantity})

    def end_of_run(self) -> None:
        """Wait until no run is active, and audit the last one."""
        until(lambda: not self._is_running(), 120)
        self._audit()

    def _is_running(self) -> bool:
        # a reset that was killed holds the place of a run until another takes it
        a_run = {"active": True, "_id": {"$ne": "reset"}}
        return self.stack.database.process_runs.find_one(a_run) is not None

    def end(self) -> None:
        """Let the last run end, with no failpoint any more."""
        handlers.switch(self.mode)
        self._failpoints.arm()
        self.end_of_run()
        self.stack.await_ready()
        if self.stack.phase() == "DONE":
            self.stack.assert_audited()

    def _audit(self) -> None:
        """Audit the run that ended last, if it is DONE and was not looked at."""
        run = self.stack.database.process_runs.find_one(sort=[("activatedAt", -1)])
        if run is None or run["_id"] in self._looked_at or run["phase"] not in ENDED:
            return
        assert run["phase"] != "ERROR", run
        self._looked_at.add(run["_id"])
        if run["phase"] == "DONE" and not run.get("hidden"):
            # not by the API: its process may be the next to be killed
            verdict = audit_run(self.stack.mongo_uri, self.stack.database.name, run["_id"])
            assert verdict.passed, [check for check in verdict.checks if check.passed is False]
            self.audited += 1

    def assert_recovered(self, title: str) -> str:
        """That every failure was mended in time; the table."""
        text = table(title, self.recovered, self.audited)
        late = [(str(one), at) for one, at in self.recovered if at > RECOVERY_SECONDS]
        assert not late, f"{late}\n{text}"
        return text
