"""Importing a file through the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pedidos_common.domain.runs import Source
from tests.unit.api.world import Client, World

CSV = b"cliente,valor\nAna,10.00\nBia,20.50\nCaio,abc\n"
HEADERS = {"content-type": "text/csv"}


async def test_a_file_becomes_a_run_of_its_accepted_rows(world: World, client: Client) -> None:
    answer = await client.post("/pedidos/import?filename=a.csv", content=CSV, headers=HEADERS)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["quantity"], body["import"]["rejected"]) == (2, 1)
    assert body["import"]["rejections"][0]["line"] == 4
    run = await world.run(body["runId"])
    assert (run.plan.source, run.plan.import_id) == (Source.IMPORTED, body["import"]["id"])
    report = await client.get(f"/pedidos/imports/{body['import']['id']}")
    assert report.json() == body["import"]


async def test_a_dry_run_starts_nothing(world: World, client: Client) -> None:
    answer = await client.post("/pedidos/import?dryRun=true", content=CSV, headers=HEADERS)
    assert (answer.status_code, answer.json()["dryRun"]) == (200, True)
    assert answer.json()["import"]["accepted"] == 2
    assert await world.runs.active() is None


@pytest.mark.parametrize("content", [b"", b"cliente,valor\n", b"cliente,valor\nAna,x\n"])
async def test_a_file_without_a_good_row_starts_nothing(
    world: World, client: Client, content: bytes
) -> None:
    answer = await client.post("/pedidos/import", content=content, headers=HEADERS)
    assert answer.status_code == 422
    assert await world.runs.active() is None


async def test_nothing_accepted_comes_with_the_report(client: Client) -> None:
    content = b"cliente,valor\nAna,x\n"
    answer = await client.post("/pedidos/import", content=content, headers=HEADERS)
    assert answer.json()["import"]["rejected"] == 1


async def test_the_format_follows_from_query_type_or_name(client: Client) -> None:
    line = b'{"cliente": "Ana", "valor": "10.00"}\n'
    opaque = {"content-type": "application/octet-stream"}
    for query, headers, content in (
        ("format=ndjson", HEADERS, line),
        ("", {"content-type": "application/x-ndjson; charset=utf-8"}, line),
        ("filename=orders.ndjson", opaque, line),
        ("filename=orders.CSV", opaque, CSV),
    ):
        url = f"/pedidos/import?dryRun=true&{query}"
        answer = await client.post(url, content=content, headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "media_type", ["application/json", "image/png", "application/octet-stream"]
)
async def test_an_unknown_type_is_415(client: Client, media_type: str) -> None:
    headers = {"content-type": media_type}
    answer = await client.post("/pedidos/import", content=CSV, headers=headers)
    assert answer.status_code == 415
    assert "text/csv" in answer.json()["detail"]


async def test_an_unknown_format_or_encoding_is_422(client: Client) -> None:
    for query in ("format=xlsx", "encoding=klingon", "encoding=nope%00", "encoding=%F0%9F%98%80"):
        answer = await client.post(f"/pedidos/import?{query}", content=CSV, headers=HEADERS)
        assert answer.status_code == 422


async def test_while_a_run_is_active_the_file_is_not_read(world: World, client: Client) -> None:
    run = await world.started(client)
    taken: list[bytes] = []

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (CSV, CSV):
            taken.append(piece)
            yield piece

    answer = await client.post("/pedidos/import", content=pieces(), headers=HEADERS)
    assert (answer.status_code, answer.json()["runId"]) == (409, run.scope)
    assert taken == []


async def test_a_lost_start_leaves_no_import_behind(world: World, client: Client) -> None:
    under_way, gate = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"cliente,valor,pedido\n"
        under_way.set()
        await gate.wait()
        yield b"Ana,10.00,77\n"

    importing = asyncio.create_task(
        client.post("/pedidos/import", content=pieces(), headers=HEADERS)
    )
    await asyncio.wait_for(under_way.wait(), 5)
    run = await world.started(client)
    gate.set()
    answer = await importing
    assert (answer.status_code, answer.json()["runId"]) == (409, run.scope)
    await world.ended(run)
    again = await client.post("/pedidos/import", content=CSV, headers=HEADERS)
    assert again.status_code == 202


async def test_a_queue_that_closes_while_the_file_comes_takes_no_run(
    world: World, client: Client
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"cliente,valor,pedido\n"
        await world.queue_state.write("closed")
        yield b"Ana,10.00,77\n"

    answer = await client.post("/pedidos/import", content=pieces(), headers=HEADERS)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/queue-closed")
    assert await world.runs.active() is None
    assert await world.imports.holding("Ana") == []


async def test_an_upload_that_is_too_large_is_413(world: World) -> None:
    async with world.client_of(world.app(max_upload_bytes=20)) as client:
        answer = await client.post("/pedidos/import", content=CSV, headers=HEADERS)
    assert answer.status_code == 413
    assert "20 bytes" in answer.json()["detail"]


async def test_an_upload_that_stalls_is_408(world: World) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield CSV
        await asyncio.sleep(60)

    async with world.client_of(world.app(upload_idle_seconds=0.05)) as client:
        answer = await client.post("/pedidos/import", content=pieces(), headers=HEADERS)
    assert answer.status_code == 408
    assert await world.runs.active() is None


async def test_an_unknown_import_is_404(client: Client) -> None:
    assert (await client.get("/pedidos/imports/x")).status_code == 404
