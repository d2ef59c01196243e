"""`pause`, `resume`, `cancel`, `reset`: what a person does to a run or to the queue."""

from __future__ import annotations

from typing import Annotated

import typer

from pedidos_cli.client import Json
from pedidos_cli.commands.start import Detach, resume_run
from pedidos_cli.options import Api, ApiKey, AsJson
from pedidos_cli.session import Session, with_api
from pedidos_cli.wording import counted

CANCEL_SECONDS = 120.0


def pause(api: Api = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """Stop taking jobs; what is being done goes to its end. Holds over restarts."""
    _set_queue("pause", api, api_key, as_json=as_json)


def resume(
    run: Annotated[
        str | None,
        typer.Option(help="Id of a run that ended ABORTED or ERROR: go on with it instead."),
    ] = None,
    detach: Detach = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Let a paused or closed queue go on; with --run, go on with a run that has ended badly."""
    if run is None:
        _set_queue("resume", api, api_key, as_json=as_json)
        return

    async def body(session: Session) -> int | None:
        return await resume_run(session, run, detach=detach)

    with_api(api, api_key, body, as_json=as_json)


def _set_queue(verb: str, api: str | None, api_key: str | None, *, as_json: bool) -> None:
    async def body(session: Session) -> None:
        answer = await session.client.post(f"/pedidos/queue/{verb}")
        if session.out.as_json:
            session.out.document(answer)
        session.out.say(f"The queue is {answer.get('state')}.")

    with_api(api, api_key, body, as_json=as_json)


def cancel(
    purge: Annotated[bool, typer.Option(help="Empty the queue as well.")] = True,
    remove_pending: Annotated[
        bool, typer.Option(help="Delete orders that are still pending.")
    ] = True,
    reset_logs: Annotated[bool, typer.Option(help="Clear the gathered logs too.")] = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Stop the active run: nothing new starts, what is being done goes to its end."""

    async def body(session: Session) -> None:
        answer = await session.client.send(
            "POST",
            "/pedidos/cancel",
            params={
                "purge": _word(purge),
                "removePending": _word(remove_pending),
                "resetLogs": _word(reset_logs),
            },
            timeout_seconds=CANCEL_SECONDS,
        )
        if session.out.as_json:
            session.out.document(answer)
        session.out.say(describe_cancel(answer))

    with_api(api, api_key, body, as_json=as_json)


def describe_cancel(answer: Json) -> str:
    """What a cancel did, in words."""
    if not answer.get("cancelled"):
        return str(answer.get("message") or "No run is active: nothing to cancel.")
    words = f"Run {answer.get('runId')} is cancelled: "
    words += f"{counted(answer.get('cancelledJobs'), 'job')} cancelled, "
    words += f"{counted(answer.get('deletedPending'), 'pending order')} deleted"
    drained = answer.get("drained")
    return words + ("." if drained else "; some batches are still being ended.")


def reset(
    force: Annotated[bool, typer.Option("--force", help="Cancel an active run first.")] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Forget the runs of the past as well.")
    ] = False,
    api: Api = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Wipe orders, jobs and figures; the history of runs stays."""

    async def body(session: Session) -> None:
        answer = await session.client.send(
            "POST",
            "/pedidos/reset",
            params={"force": _word(force), "history": _word(history)},
            timeout_seconds=CANCEL_SECONDS,
        )
        if session.out.as_json:
            session.out.document(answer)
        session.out.say(
            f"Reset: {counted(answer.get('deletedOrders'), 'order')} and "
            f"{counted(answer.get('deletedJobs'), 'job')} deleted."
        )

    with_api(api, api_key, body, as_json=as_json)


def _word(flag: bool) -> str:
    return "true" if flag else "false"
