"""Runs one command against a stack: finds it, opens the client, turns the end into a status."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import typer

from pedidos_cli.client import ApiClient
from pedidos_cli.output import Output
from pedidos_cli.target import Target, find_target


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with."""

    target: Target
    client: ApiClient
    out: Output


Body = Callable[[Session], Awaitable[int | None]]


def with_api(api: str | None, api_key: str | None, body: Body, *, as_json: bool) -> None:
    """Runs the body of a client command; its result is the exit status (None is 0).

    Raises:
        CliError: as the body, and when no stack is known.
        typer.Exit: when the status is not 0.
    """
    target = find_target(api, api_key, os.environ)
    out = Output(as_json=as_json)
    if target.chosen_of > 1:
        out.note(f"{target.chosen_of} stacks run here; this is {target.api}. --api names another.")

    async def opened() -> int | None:
        async with ApiClient(target.api, target.api_key) as client:
            return await body(Session(target, client, out))

    finish(asyncio.run(opened()))


def finish(status: int | None) -> None:
    """Ends the command with that status.

    Raises:
        typer.Exit: when it is not 0.
    """
    if status:
        raise typer.Exit(int(status))
