"""One process of the local stack: started, watched, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pedidos_cli.parent_death import begin_as_child
from pedidos_cli.stack_file import ProcessEntry

FIRST_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 2.0
# whoever was at work, or there, for so long is not one that can't come up: it was killed
AT_WORK_SECONDS = 1.0
STABLE_SECONDS = 10.0
KILL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a process: what to run, in which environment, and how to see it is ready."""

    command: tuple[str, ...]
    environ: Mapping[str, str]
    answers: Callable[[], Awaitable[bool]]
    metrics: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What a process of the stack is; `launch` is asked anew at every start.

    `nice` is by how much it lets others have the processors first (0 to 19).
    """

    role: str
    index: int
    log: Path
    launch: Callable[[], Launch]
    stop_seconds: float
    nice: int = 0

    @property
    def name(self) -> str:
        """`worker-0`, as in the log file's name."""
        return f"{self.role}-{self.index}"


@dataclass(frozen=True, slots=True)
class Death:
    """A process ended that should not have.

    Attributes:
        code: its exit status; negative is a signal, None when it could not be started.
        in_a_row: deaths since it last was ready for `AT_WORK_SECONDS` or ran for `STABLE_SECONDS`.
        pause_seconds: how long until it is started again.
        reason: why it could not be started, else empty.
    """

    process: SupervisedProcess
    code: int | None
    in_a_row: int
    pause_seconds: float
    reason: str = ""

    def describe(self) -> str:
        """How it ended, in words."""
        if self.code is None:
            return f"could not be started ({self.reason})"
        if self.code < 0:
            with contextlib.suppress(ValueError):
                return f"was killed by {signal.Signals(-self.code).name}"
        return f"ended with status {self.code}"


class SupervisedProcess:
    """Keeps one process of the stack running until told to stop.

    `on_change` is called after every start, `on_death` after every end that was not asked for.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        on_change: Callable[[], None],
        on_death: Callable[[Death], None],
    ) -> None:
        self.spec = spec
        self.ready = False
        self.restarts = 0
        self.pid: int | None = None
        self._on_change = on_change
        self._on_death = on_death
        self._started_at = time.monotonic()
        self._ready_since: float | None = None
        self._launch: Launch | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs at this moment."""
        return self._process is not None and self._process.returncode is None

    def entry(self) -> ProcessEntry:
        """Its line in `stack.json`; between death and restart that of the dead one."""
        metrics = self._launch.metrics if self._launch else None
        return ProcessEntry(
            self.spec.role, self.spec.index, self.pid, str(self.spec.log), metrics, self.restarts
        )

    def start(self) -> None:
        """Begins to keep it running; needs a running event loop."""
        self._task = asyncio.create_task(self._keep_running(), name=f"supervise {self.spec.name}")

    async def check(self) -> bool:
        """Asks the process whether it is ready; True when that is news."""
        process, launch = self._process, self._launch
        if launch is None or process is None or not self.alive:
            return False
        answered = await launch.answers()
        # It may have died, even come back, while it was being asked.
        self.ready = answered and process.returncode is None and self._process is process
        if self.ready and self._ready_since is None:
            self._ready_since = time.monotonic()
        return self.ready

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when `stop_seconds` have passed; returns when it is gone."""
        self._stopping.set()
        if self._process is not None and self.alive:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self.spec.stop_seconds)
        await self.kill()

    async def kill(self) -> None:
        """Ends it and whatever it started, at once; it is not started again."""
        self._stopping.set()
        if self.alive:
            self._kill_group()
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=KILL_SECONDS)

    def _kill_group(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _keep_running(self) -> None:
        in_a_row = 0
        while not self._stopping.is_set():
            self._started_at, self._ready_since = time.monotonic(), None
            code, reason = await self._run_once()
            if self._stopping.is_set():
                return
            in_a_row = 1 if self._was_well() else in_a_row + 1
            pause = min(FIRST_BACKOFF_SECONDS * 2 ** min(in_a_row - 1, 10), MAX_BACKOFF_SECONDS)
            self.ready = False
            self._on_death(Death(self, code, in_a_row, pause, reason))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            self.restarts += 1

    def _was_well(self) -> bool:
        """Whether its last life was no failed start."""
        now, ready_since = time.monotonic(), self._ready_since
        at_work = ready_since is not None and now - ready_since > AT_WORK_SECONDS
        return at_work or now - self._started_at > STABLE_SECONDS

    async def _run_once(self) -> tuple[int | None, str]:
        try:
            self._launch = self.spec.launch()
            self._process = await self._spawn(self._launch)
        except OSError as refused:
            return None, str(refused)
        self.pid = self._process.pid
        self.ready = False
        self._on_change()
        if self._stopping.is_set():  # told to stop while it was being started
            self._process.terminate()
        code = await self._process.wait()
        self._kill_group()  # what it started and left behind
        return code, ""

    async def _spawn(self, launch: Launch) -> asyncio.subprocess.Process:
        with self.spec.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *launch.command,
                env=dict(launch.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own session: Ctrl-C reaches the supervisor alone, which stops in order.
                start_new_session=True,
                preexec_fn=begin_as_child(self.spec.nice),
            )
