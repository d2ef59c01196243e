"""What is seen of an upload, and what is said of one that is given up."""

from __future__ import annotations

import asyncio
import contextlib
import io
from pathlib import Path

import httpx
import pytest

from pedidos_cli.client import ApiClient
from pedidos_cli.output import Output
from pedidos_cli.session import Session
from pedidos_cli.target import Target
from pedidos_cli.upload import CHUNK_BYTES, ImportFormat, Upload, upload
from pedidos_cli.upload_progress import UploadDisplay
from tests.unit.cli.test_display import Clock, console


def test_bytes_and_speed_are_shown_every_few_seconds_then_that_rows_are_checked() -> None:
    clock, (where, file) = Clock(), console()
    with UploadDisplay(where, "orders.csv", 107_000_000, clock) as display:
        for _ in range(10):
            clock.now += 1.0
            display.sent(10_000_000)
        display.sent(7_000_000)
    assert display.complete
    assert file.getvalue().splitlines() == [
        "orders.csv: 50.0 MB / 107.0 MB sent (46%), 10.0 MB/s",
        "orders.csv: 100.0 MB / 107.0 MB sent (93%), 10.0 MB/s",
        "orders.csv: 107.0 MB sent, checking rows …",
    ]


def test_a_terminal_sees_each_state_at_once() -> None:
    where, file = console(terminal=True)
    with UploadDisplay(where, "orders.csv", 100) as display:
        display.sent(40)
    assert "40 B / 100 B sent (40%)" in file.getvalue()


class Api(httpx.AsyncBaseTransport):
    """Reads so many pieces of a body, and then never answers."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.waiting = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = aiter(request.stream)
        with contextlib.suppress(StopAsyncIteration):
            for _ in range(self.pieces):
                await anext(body)
        self.waiting.set()
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(
    ("pieces", "dry_run", "said"),
    [
        (2, False, "Nothing was started."),
        (9, True, "Nothing was started."),
        (9, False, "The API has the whole file"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
async def test_an_upload_that_is_given_up_says_what_becomes_of_it(
    tmp_path: Path, pieces: int, dry_run: bool, said: str, as_json: bool
) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(b"x" * CHUNK_BYTES * 3)
    api, out, err = Api(pieces), io.StringIO(), io.StringIO()
    output = Output(as_json=as_json, stdout=out, stderr=err)
    async with ApiClient("http://api", transport=api) as client:
        session = Session(Target("http://api"), client, output)
        wanted = Upload(file, ImportFormat.CSV, None, dry_run)
        sending = asyncio.create_task(upload(session, wanted))
        await asyncio.wait_for(api.waiting.wait(), 10)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert err.getvalue().startswith(said)
    assert ("checking rows" in out.getvalue()) == (pieces == 9 and not as_json)
