"""`pedidos demo`: a stack, a run, its report and its audit, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from pedidos_cli.client import ApiClient
from pedidos_cli.commands.up import describe_ready, stop_signals
from pedidos_cli.data_folder import DataFolder, data_folder
from pedidos_cli.embedded.addresses import redis_address
from pedidos_cli.errors import ExitStatus
from pedidos_cli.options import AsJson, Generators, MongoUri, RedisUrl, Workers
from pedidos_cli.output import Output
from pedidos_cli.session import Session, finish
from pedidos_cli.stack import Stack
from pedidos_cli.stack_plan import StackOptions
from pedidos_cli.target import Target
from pedidos_cli.watching import follow_and_report


def demo(
    quantity: Annotated[int, typer.Option(min=1, help="How many orders.")] = 1_000_000,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same orders.")] = None,
    generators: Generators = 2,
    workers: Workers = 2,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the API; 0 is any free one.")
    ] = 0,
    mongo_uri: MongoUri = None,
    redis_url: RedisUrl = None,
    as_json: AsJson = False,
) -> None:
    """Start a throwaway stack, take orders through it, report, audit, and stop it again."""
    database = os.environ.get("MONGO_DB") or "pedidos"
    options = StackOptions(
        port=port,
        generators=generators,
        workers=workers,
        mongo_uri=mongo_uri or None,
        redis_url=redis_url or redis_address(os.environ),
        database=database,
        passing=True,
    )
    with data_folder(None) as folder:
        finish(asyncio.run(show(options, folder, Output(as_json=as_json), quantity, seed)))


async def show(
    options: StackOptions, folder: DataFolder, out: Output, quantity: int, seed: int | None
) -> int:
    """The demonstration; returns the exit status."""
    out.note("Starting MongoDB, Redis and the services ...")
    try:
        with stop_signals():
            async with Stack(options, folder, os.environ, out.note) as stack:
                await stack.wait_ready()
                out.say(describe_ready(stack))
                return await _one_run(stack, out, quantity, seed)
    except asyncio.CancelledError:
        out.note("Stopped.")
        return ExitStatus.INTERRUPTED


async def _one_run(stack: Stack, out: Output, quantity: int, seed: int | None) -> int:
    target = Target(
        stack.api,
        os.environ.get("API_KEY") or None,
        stack.stores.mongo_uri,
        stack.stores.redis_url,
        stack.options.database,
        stack.folder.root,
    )
    async with ApiClient(target.api, target.api_key) as client:
        started = await client.post("/pedidos/generate", {"quantity": quantity, "seed": seed})
        return await follow_and_report(Session(target, client, out), str(started["runId"]))
