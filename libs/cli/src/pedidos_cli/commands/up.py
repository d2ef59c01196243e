"""`pedidos up`: the local stack until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pedidos_cli.autoscale.bounds import Bounds, bounds_named
from pedidos_cli.autoscale.loop import Autoscaler
from pedidos_cli.autoscale.policy import Pace
from pedidos_cli.autoscale.queue_bounds import scales_named
from pedidos_cli.autoscale.queue_loop import QueueAutoscaler
from pedidos_cli.client import ApiClient
from pedidos_cli.data_folder import DataFolder, data_folder, folder_named
from pedidos_cli.embedded.addresses import redis_address
from pedidos_cli.options import AsJson, Generators, MongoUri, RedisUrl, Workers
from pedidos_cli.output import Output
from pedidos_cli.sample_shop import seed_if_empty
from pedidos_cli.stack import Stack
from pedidos_cli.stack_plan import StackOptions
from pedidos_cli.wording import counted
from pedidos_common.domain.queues import Scale

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder for data, logs and stack.json; a thrown-away one if not given.",
        parser=folder_named,
        metavar="FOLDER",
    ),
]
Port = Annotated[
    int,
    typer.Option(min=0, max=65535, envvar="PORT", help="Port of the API; 0 is any free one."),
]
Autoscale = Annotated[
    Bounds | None,
    typer.Option(
        help="Between how many workers to choose, by the work that waits: two more above "
        "--backlog-seconds a worker, one less below.",
        parser=bounds_named,
        metavar="LEAST:MOST",
    ),
]
BacklogSeconds = Annotated[
    float,
    typer.Option(min=0.1, help="With --autoscale: seconds of work that may wait for each worker."),
]

AutoscaleQueues = Annotated[
    str | None,
    typer.Option(
        help="Queues that get worker processes of their own, by the jobs that wait: two more "
        "above 100, one fewer below 10 (QUEUES_FILE has other numbers).",
        metavar="QUEUE=LEAST:MOST,…",
    ),
]


def up(
    data_dir: DataDir = None,
    port: Port = 3000,
    generators: Generators = 2,
    workers: Workers = 2,
    autoscale: Autoscale = None,
    backlog_seconds: BacklogSeconds = 10.0,
    autoscale_queues: AutoscaleQueues = None,
    mongo_uri: MongoUri = None,
    redis_url: RedisUrl = None,
    replica_set: Annotated[
        bool, typer.Option("--replica-set", help="Run the embedded MongoDB as a replica set.")
    ] = False,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Play the payment provider, the SMS provider and a mailbox, too; adds the sample "
            "shop where nothing can be bought yet.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start MongoDB, Redis and the services here, and keep them running until Ctrl-C."""
    options = StackOptions(
        port=port,
        generators=generators,
        workers=autoscale.nearest(workers) if autoscale else workers,
        mongo_uri=mongo_uri or None,
        redis_url=redis_url or redis_address(os.environ),
        replica_set=replica_set,
        database=os.environ.get("MONGO_DB") or "pedidos",
        sandbox=sandbox,
    )
    scales = scales_named(autoscale_queues, os.environ.get("QUEUES_FILE"))
    out, pace = Output(as_json=as_json), Pace(backlog_seconds)
    with data_folder(data_dir) as folder:
        asyncio.run(serve(options, folder, out, autoscale, pace, scales))


async def serve(
    options: StackOptions,
    folder: DataFolder,
    out: Output,
    autoscale: Bounds | None = None,
    pace: Pace = Pace(),  # noqa: B008 - it is a constant
    scales: Mapping[str, Scale] = {},
) -> None:
    """Starts the stack, says when it is ready, and stops it in order on a signal.

    Within the bounds of `autoscale`, the number of workers follows the work that waits; by
    `scales` queues have workers of their own.
    """
    with contextlib.suppress(asyncio.CancelledError), stop_signals():
        async with Stack(options, folder, os.environ, out.note) as stack:
            await stack.wait_ready()
            if options.sandbox:
                await _seed(stack, out)
            if out.as_json:
                out.document(asdict(stack.document()))
            out.say(describe_ready(stack))
            async with asyncio.TaskGroup() as scaling:
                if autoscale:
                    scaling.create_task(Autoscaler(stack, autoscale, out.note, pace).run())
                if scales:
                    scaling.create_task(QueueAutoscaler(stack, scales, out.note).run())
                await asyncio.Event().wait()
    out.note("Stopped.")


async def _seed(stack: Stack, out: Output) -> None:
    async with ApiClient(stack.api, os.environ.get("API_KEY") or None) as client:
        await seed_if_empty(client, out.note)


def describe_ready(stack: Stack) -> str:
    """The one line that says that the stack is ready, and with what."""
    options, folder = stack.options, stack.folder
    parts = [
        *stack.stores.described,
        counted(options.generators, "generator"),
        counted(options.workers, "worker"),
        *([f"sandbox of providers at {stack.sandbox.url}"] if stack.sandbox else []),
        f"data in {folder.root}" + ("" if folder.kept else " (thrown away at the end)"),
    ]
    return f"Ready: {stack.api} ({', '.join(parts)}). Ctrl-C stops it."


@contextlib.contextmanager
def stop_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal cancel the present task, once for each signal."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    if task is not None:
        for number in numbers:
            loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
