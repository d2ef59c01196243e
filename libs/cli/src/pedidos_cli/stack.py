"""The local stack: servers and services of one machine, supervised together."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from pedidos_cli import process_log, services, stack_file, stack_notes
from pedidos_cli.data_folder import DataFolder
from pedidos_cli.errors import CliError
from pedidos_cli.former_stack import former_gone, former_ports
from pedidos_cli.free_ports import LOOPBACK
from pedidos_cli.processes import Death, ProcessSpec
from pedidos_cli.sandbox import ROLE, SandboxPlace, plan_sandbox, sandbox_spec
from pedidos_cli.stack_file import ProcessEntry, StackDocument
from pedidos_cli.stack_messages import describe_death, hopeless, patience, stamped
from pedidos_cli.stack_notes import StackNote
from pedidos_cli.stack_plan import (
    SERVER_ROLES,
    StackOptions,
    Stores,
    claim_port,
    plan_services,
    plan_stores,
    plan_worker,
    worker_role,
)
from pedidos_cli.stores import mongo, redis
from pedidos_cli.supervised import Supervised

SERVER_START_SECONDS = 90.0
POLL_SECONDS = 0.15
TRIM_SECONDS = 10.0
Notify = Callable[[str], None]


class Stack:
    """An asynchronous context: started on entry, stopped in order on the way out.

    Args:
        options: what to start.
        folder: where data, logs and `stack.json` go.
        environ: the environment that services inherit.
        notify: told, in one line each, what a person should know meanwhile.

    Raises:
        CliError: on entry, when something that is needed is missing or taken.
    """

    def __init__(
        self,
        options: StackOptions,
        folder: DataFolder,
        environ: Mapping[str, str],
        notify: Notify,
    ) -> None:
        self.options = options
        self.folder = folder
        self.stores = Stores(options.mongo_uri or "", options.redis_url or "", (), ("", ""))
        self.sandbox: SandboxPlace | None = None
        self._environ = environ
        self._notify = notify
        self._port = options.port
        self._planned = False
        self._complete = False
        self._processes = Supervised(self._on_change, self._on_death)
        self._hurt: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._servers_up = asyncio.Event()
        self._ready = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers: list[asyncio.Task[None]] = []
        self._notes = stack_notes.notes_folder(environ)

    @property
    def api(self) -> str:
        """The address of the API."""
        return f"http://{LOOPBACK}:{self._port}"

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_ready(self) -> None:
        """Returns when the API, every generator and every worker say that they are ready.

        Raises:
            CliError: when a part of it dies again and again.
        """
        await self._wait_for(self._ready, None)

    def document(self) -> StackDocument:
        """What `stack.json` says at this moment."""
        stores = self.stores
        return StackDocument(
            self._all_ready(), self.api, stores.mongo_uri, stores.redis_url, self.entries()
        )

    def entries(self) -> list[ProcessEntry]:
        """The processes that were started, with the addresses of their metrics."""
        return self._processes.entries()

    @property
    def workers(self) -> int:
        """How many workers there are to be."""
        return self.workers_of(None)

    def workers_of(self, queue: str | None) -> int:
        """How many workers there are to be that serve only this queue."""
        return len(self._processes.of_role(worker_role(queue)))

    def scale_workers(self, count: int) -> None:
        """Starts more workers, at the indexes that are free, or stops those that came last.

        One that is stopped ends what it has begun; others go on meanwhile.
        """
        self.scale_queue(None, count)

    def scale_queue(self, queue: str | None, count: int) -> None:
        """The same with workers that serve only this queue."""
        role, more = worker_role(queue), count - self.workers_of(queue)
        if more < 0:
            self._processes.leave(-more, role)
        taken = self._processes.indexes(role)
        free = (index for index in itertools.count() if index not in taken)
        added = [self._worker(next(free), queue) for _ in range(more)]
        self._processes.start(added, joins=True)
        self._changed.set()

    def _worker(self, index: int, queue: str | None) -> ProcessSpec:
        return plan_worker(self.options, self.folder, self._environ, self.stores, index, queue)

    async def stop(self) -> None:
        """Stops services, then servers; when cancelled meanwhile, kills what is left at once."""
        for watcher in self._watchers:
            watcher.cancel()
        self._complete = False
        try:
            await self._processes.stop()
        finally:
            if self._failure.done():
                self._failure.exception()
            if self._planned:  # else the folder still tells of the stack before
                with contextlib.suppress(OSError):
                    self._write()
            stack_notes.forget(self._notes, os.getpid())

    # --- starting -----------------------------------------------------------------------------

    async def _start(self) -> None:
        services.check_installed(self.options.packages())
        await former_gone(self.folder.before)
        self._port = claim_port(self.options.port)
        self.stores = plan_stores(self.options, self.folder, self._port)
        self._planned = True
        self._write()
        if self.options.sandbox:
            self._plan_sandbox()
        stack_notes.remember(self._notes, self._note())
        self._processes.start(self.stores.embedded)
        self._watchers = [
            asyncio.create_task(self._repeat(self._look_for_readiness), name="watch readiness"),
            asyncio.create_task(self._repeat(self._trim_logs), name="watch logs"),
        ]
        await self._wait_for(self._servers_up, SERVER_START_SECONDS)
        await self._mention_absent()
        if self.sandbox:
            log = self.folder.log(ROLE, 0)
            self._processes.start([sandbox_spec(self.sandbox, self._environ, self.api, log)])
        self._processes.start(
            plan_services(self.options, self.folder, self._environ, self.stores, self._port)
        )
        self._complete = True
        self._changed.set()

    def _plan_sandbox(self) -> None:
        self.sandbox = plan_sandbox(self.folder, [self._port, *former_ports(self.document())])
        self._environ = {**self._environ, **self.sandbox.for_services(self._environ)}

    async def _wait_for(self, event: asyncio.Event, timeout_seconds: float | None) -> None:
        waiter: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
        either = {waiter, self._failure}
        try:
            done, _ = await asyncio.wait(
                either, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiter.cancel()
        if self._failure in done:
            self._failure.result()
        if not done:
            late = self._processes.unready()[0]
            raise CliError(
                f"{late.spec.name} does not answer after {timeout_seconds:.0f} s; "
                f"see its log {late.spec.log}"
            )

    async def _mention_absent(self) -> None:
        """Servers that were given as addresses may come later; the services wait for them."""
        options = self.options
        if options.mongo_uri and not await asyncio.to_thread(mongo.answers, options.mongo_uri):
            self._notify("MongoDB does not answer at the given address yet; the services wait")
        url = options.redis_url
        if url and redis.can_ask(url) and not await asyncio.to_thread(redis.answers, url):
            self._notify("Redis does not answer at the given address yet; the services wait")

    def _note(self) -> StackNote:
        return StackNote(
            stack=str(self.folder.stack_file),
            api=self.api,
            mongo_uri=self.stores.mongo_uri,
            redis_url=self.stores.redis_url,
            database=self.options.database,
            passing=self.options.passing,
        )

    # --- watching -----------------------------------------------------------------------------

    def _on_change(self) -> None:
        self._changed.set()
        with contextlib.suppress(OSError):
            self._write()

    def _on_death(self, death: Death) -> None:
        if death.process.spec.role in SERVER_ROLES:
            self._processes.servers_gone()
        self._on_change()
        if not self._ready.is_set() and death.in_a_row >= patience(death):
            self._fail(death)
            return
        self._hurt[death.process.spec.name] = None
        self._notify(stamped(describe_death(death)))

    def _fail(self, death: Death) -> None:
        if not self._failure.done():
            self._failure.set_exception(hopeless(death, kept=self.folder.kept))

    async def _repeat(self, body: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await body()
            except Exception as error:  # noqa: BLE001 - watching goes on whatever happens
                self._notify(f"Watching the stack went wrong once and goes on: {error!r}")
                await asyncio.sleep(1.0)

    async def _look_for_readiness(self) -> None:
        self._changed.clear()
        if await self._processes.check():
            self._on_change()
        if all(one.ready for one in self._processes.servers()):
            self._servers_up.set()
        if self._all_ready():
            self._say_recovered()
            self._ready.set()
        if self._processes.rest():
            await self._changed.wait()
        await asyncio.sleep(POLL_SECONDS)

    def _say_recovered(self) -> None:
        if self._hurt and self._ready.is_set():  # else `up` says for the first time that it is
            self._notify(stamped(f"Ready again after the end of {', '.join(self._hurt)}"))
        self._hurt.clear()

    async def _trim_logs(self) -> None:
        await asyncio.sleep(TRIM_SECONDS)
        for spec in self._processes.specs():
            await asyncio.to_thread(process_log.trim, spec.log)

    def _all_ready(self) -> bool:
        return self._complete and not self._processes.unready()

    def _write(self) -> None:
        stack_file.write_stack(self.folder.stack_file, self.document())
