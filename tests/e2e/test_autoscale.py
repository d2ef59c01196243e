"""Workers come when work waits and go when it is done, and no order is lost by that."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx

from pedidos_cli.audit import audit_run
from pedidos_cli.autoscale.bounds import Bounds
from pedidos_cli.autoscale.loop import Autoscaler
from pedidos_cli.autoscale.policy import Pace
from pedidos_cli.data_folder import DataFolder, data_folder
from pedidos_cli.stack import Stack
from pedidos_cli.stack_plan import StackOptions
from tests.e2e.handlers import SLOWED, VARIABLE, switch
from tests.e2e.stack import REPOSITORY, SMALL, running_stack, until

# 40 jobs of 100 orders, of about a second each, five at once in a process
ORDERS = 4_000
ORDER_SECONDS = 0.1
QUICK = Pace(target=0.5, look=0.1, add=0.5, patience=1.0, take=0.3)
PATIENCE_SECONDS = 60.0


@contextlib.asynccontextmanager
async def scaled(folder: DataFolder, environ: dict[str, str]) -> AsyncIterator[Any]:
    said: list[str] = []
    options = StackOptions(port=0, workers=1)
    async with Stack(options, folder, environ, said.append) as stack:
        await stack.wait_ready()
        loop = asyncio.create_task(Autoscaler(stack, Bounds(1, 3), said.append, QUICK).run())
        try:
            yield stack, said
        finally:
            loop.cancel()


async def seen(condition: Callable[[], Any], what: Callable[[], Any]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - processes set no event
                await asyncio.sleep(0.05)
    assert condition(), what()


def environment(handler: Path) -> dict[str, str]:
    path = {"PYTHONPATH": str(REPOSITORY), VARIABLE: str(handler)}
    return {**os.environ, **SMALL, **SLOWED, **path}


async def test_two_workers_come_while_work_waits_and_go_when_it_is_done(tmp_path: Path) -> None:
    handler = tmp_path / "handler.json"
    switch(handler, seconds=ORDER_SECONDS)
    with data_folder(tmp_path / "data") as folder:
        async with scaled(folder, environment(handler)) as (stack, said):
            async with httpx.AsyncClient(base_url=stack.api, trust_env=False) as http:
                started = await http.post(f"/pedidos/generate?quantity={ORDERS}&seed=1")
                run_id = started.json()["runId"]
                await seen(lambda: stack.workers == 3, lambda: said)
                assert stack.document().ready, "those that come do not make the stack unready"
                switch(handler)
                await seen(lambda: stack.workers == 1, lambda: said)
                phase = (await http.get("/pedidos")).json()["phase"]
            verdict = await asyncio.to_thread(
                audit_run, stack.stores.mongo_uri, "pedidos", run_id, api_url=stack.api
            )
            left = [one.index for one in stack.document().processes if one.role == "worker"]
    assert (phase, verdict.passed, left) == ("DONE", True, [0]), verdict
    assert "1 worker, now 3: " in said[0]
    assert [words for words in said if "went wrong" in words or "starting it again" in words] == []


def test_up_begins_within_the_bounds_and_goes_on_scaling(tmp_path: Path) -> None:
    handler = tmp_path / "handler.json"
    switch(handler, seconds=ORDER_SECONDS)
    own = {**SLOWED, VARIABLE: str(handler)}
    options = ("--autoscale", "1:2", "--backlog-seconds", "0.5")
    with running_stack(tmp_path, own, workers=1, options=options) as stack:
        stack.start(ORDERS)
        until(lambda: len(stack.processes("worker")) == 2)
        assert "1 worker, now 2" in (stack.folder / "up.log").read_text("utf-8")
