"""No file, however wrong, makes an import fail otherwise than by a reason, whole or by row."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import category

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings

from pedidos_common.domain.imports import ImportRejected, ParsedRow, SpoiltRow, reader_for
from pedidos_common.domain.imports.fields import MAX_CLIENTE, MAX_EXTERNAL_ID, MAX_VALOR_CENTS
from pedidos_common.domain.orders import Tier
from tests.fuzz.files import File, files
from tests.unit.api.world import World

ANY_HEALTH = list(HealthCheck)
LONGEST_REASON, LONGEST_OF_FILE = 400, 2_500
Item = ParsedRow | SpoiltRow


def read(file: File, piece: int) -> list[Item] | str:
    """The rows, or why the whole file is refused; any other exception fails the test."""
    try:
        return list(_items(file, piece))
    except ImportRejected as refused:
        return str(refused)


def _items(file: File, piece: int) -> Iterator[Item]:
    reader = reader_for(file.form, file.encoding)
    for start in range(0, len(file.content), piece):
        yield from reader.feed(file.content[start : start + piece])
    yield from reader.finish()


def check_file(file: File) -> None:
    """What holds of any file: it is read alike in any pieces, and what comes out is clean."""
    whole = read(file, len(file.content) or 1)
    assert read(file, 3) == whole
    if isinstance(whole, str):
        check_reason(whole, LONGEST_OF_FILE)
        return
    lines = [item.line for item in whole]
    assert lines == sorted(set(lines)), "each row once, in order"
    for item in whole:
        if isinstance(item, SpoiltRow):
            check_reason(item.reason)
        else:
            check_row(item)


def check_reason(reason: str, longest: int = LONGEST_REASON) -> None:
    assert 0 < len(reason) <= longest
    reason.encode()


def check_row(row: ParsedRow) -> None:
    assert 0 <= row.valor_cents <= MAX_VALOR_CENTS
    for text, longest in ((row.cliente, MAX_CLIENTE), (row.external_id or "x", MAX_EXTERNAL_ID)):
        assert 0 < len(text) <= longest
        assert not [mark for mark in text if category(mark) == "Cc" and mark not in "\t\r\n"]
        text.encode()
    assert row.tier is None or row.tier in set(Tier)
    assert row.ordered_at is None or row.ordered_at.utcoffset() is not None


async def check_import(world: World, client: httpx.AsyncClient, file: File) -> bool:
    """Send it: all of it becomes a run, or nothing is left of it; whether it became one."""
    params = {"format": file.form, "encoding": file.encoding}
    answer = await client.post("/pedidos/import", params=params, content=file.content)
    assert answer.status_code in {202, 422}, answer.text
    if answer.status_code == 422:
        assert answer.headers["content-type"] == "application/problem+json"
        assert await world.runs.active() is None
        assert not world.imports._staged
        return False
    body = answer.json()
    report = body["import"]
    assert report["rows"] == report["accepted"] + report["rejected"]
    assert body["quantity"] == report["accepted"]
    staged = await world.imports.chunk(report["id"], 1, report["accepted"])
    assert sum(report["tiers"].values()) == len(staged) == report["accepted"]
    with pytest.raises(Exception, match="gone"):
        await world.imports.chunk(report["id"], 1, report["accepted"] + 1)
    return True


async def import_one(file: File) -> bool:
    world = World()
    async with world.client_of(world.app()) as client:
        return await check_import(world, client, file)


@given(file=files())
@example(file=File("csv", "utf-8", b"cliente,valor\nAn\x1b[2Ja,10\n"))
@settings(max_examples=200, deadline=None, suppress_health_check=ANY_HEALTH)
def test_any_file_is_read_or_refused_with_a_reason(file: File) -> None:
    check_file(file)


@pytest.mark.slow
@pytest.mark.timeout(600)
@given(files())
@settings(max_examples=10_000, deadline=None, suppress_health_check=ANY_HEALTH)
def test_ten_thousand_files_are_read_or_refused_with_a_reason(file: File) -> None:
    check_file(file)


@given(file=files())
@example(file=File("csv", "utf-8", b"cliente,valor\nAna,10.00\n"))
@settings(max_examples=40, deadline=None, suppress_health_check=ANY_HEALTH)
async def test_any_import_is_whole_or_nothing(file: File) -> None:
    await import_one(file)
