"""A run is followed to its end through whatever happens to the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pedidos_cli.client import ApiClient
from pedidos_cli.errors import CliError, Unreachable
from pedidos_cli.follow import until_end
from tests.unit.cli.fake_api import RUN, events, run, status

API = "http://127.0.0.1:3000"
QUICK = {"poll_seconds": 0.001, "patience_seconds": 30.0}


class Scripted:
    """An API that answers each path from a list, its last answer for ever."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = {"stream": [], "pedidos": [], "run": []} | answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        kind = "run" if "/runs/" in path else path.rpartition("/")[2]
        left = self.answers[kind]
        answer = left.pop(0) if len(left) > 1 else left[0] if left else 404
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, bytes):
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, content=answer, headers=headers)
        if isinstance(answer, int):
            return httpx.Response(answer, json={"detail": f"status {answer}"})
        return httpx.Response(200, json=answer)


async def followed(api: Scripted, **options: Any) -> tuple[list[str], dict[str, Any]]:
    seen: list[str] = []
    async with ApiClient(API, transport=httpx.MockTransport(api)) as client:
        ended = await until_end(
            client, RUN, lambda state: seen.append(state["phase"]), **(QUICK | options)
        )
    return seen, ended


async def test_states_are_pushed() -> None:
    api = Scripted(
        stream=[events(status("GENERATING"), status("WAITING_VIP_DRAIN"), status("DONE"))],
        run=[run("DONE")],
    )
    seen, ended = await followed(api)
    assert seen == ["GENERATING", "WAITING_VIP_DRAIN", "DONE"]
    assert ended["phase"] == "DONE"


async def test_without_a_stream_states_are_asked_for() -> None:
    api = Scripted(stream=[404], pedidos=[status("GENERATING"), status("DONE")], run=[run("DONE")])
    seen, _ = await followed(api)
    assert seen == ["GENERATING", "DONE"]


async def test_an_api_that_restarts_is_waited_for() -> None:
    refused = httpx.ConnectError("refused")
    waits: list[float] = []
    api = Scripted(
        stream=[events(status("GENERATING")), refused, refused, 503, events(status("DONE"))],
        pedidos=[refused, refused, 503, 500, status("DONE")],
        run=[httpx.ReadError("reset"), run("DONE")],
    )
    seen, ended = await followed(api, absent=waits.append)
    assert (seen[0], seen[-1], ended["phase"]) == ("GENERATING", "DONE", "DONE")
    assert len(waits) == 4


async def test_an_api_that_stays_away_ends_it() -> None:
    api = Scripted(stream=[httpx.ConnectError("refused")], pedidos=[httpx.ConnectError("refused")])
    with pytest.raises(Unreachable, match="pedidos up"):
        await followed(api, patience_seconds=0.05)


async def test_a_run_that_was_followed_by_another_is_found_in_history() -> None:
    other = status("GENERATING", lastRunId="another")
    api = Scripted(stream=[events(status("GENERATING"), other)], pedidos=[other], run=[run("DONE")])
    seen, ended = await followed(api)
    assert (seen, ended["phase"]) == (["GENERATING"], "DONE")


async def test_a_run_that_was_reset_is_gone() -> None:
    api = Scripted(stream=[events(status("IDLE", lastRunId=None))], run=[404])
    with pytest.raises(CliError, match="it was reset"):
        await followed(api)


async def test_a_refusal_is_no_outage() -> None:
    api = Scripted(stream=[401], pedidos=[401])
    with pytest.raises(CliError, match="--api-key"):
        await followed(api)
