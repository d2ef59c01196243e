"""NDJSON files: one object a line."""

from __future__ import annotations

import json

import pytest

from pedidos_common.domain.imports import ImportRejected, ParsedRow, SpoiltRow, reader_for


def read(*lines: str) -> list[ParsedRow | SpoiltRow]:
    reader = reader_for("ndjson")
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    items = [item for start in range(0, len(data), 5) for item in reader.feed(data[start:][:5])]
    return [*items, *reader.finish()]


GOOD = '{"customer": "Ana", "amount": 12.30}'


def test_numbers_and_texts_are_read_alike() -> None:
    items = read(
        GOOD,
        '{"customer": 7, "amount": "5,00", "qty": 2}',
        "",
        '{"amount": 0, "customer": "Zé", "order_id": 99, "note": [1]}',
    )
    assert items == [
        ParsedRow(1, "Ana", 1230, None, None, None, None),
        ParsedRow(2, "7", 500, None, None, None, 2),
        ParsedRow(4, "Zé", 0, None, "99", None, None),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not json", "no JSON"),
        ("[1]", "no JSON object"),
        ('"text"', "no JSON object"),
        ("[" * 50_000, "no JSON"),
        ('{"customer": "Ana"}', "valor is empty"),
        ('{"customer": null, "amount": 1}', "cliente is empty"),
        ('{"customer": "Ana", "amount": true}', "amount is neither"),
        ('{"customer": ["Ana"], "amount": 1}', "customer is neither"),
        ('{"customer": "Ana", "amount": NaN}', "not a number"),
        ('{"customer": "Ana", "amount": 1e3}', "not an amount"),
        ('{"customer": "Ana", "amount": -1}', "negative"),
        ('{"customer": "\\ud800", "amount": 1}', "can't be stored"),
        ('{"customer": "A\\u0000", "amount": 1}', "can't be stored"),
        ('{"\\ud800": "Ana", "amount": 1}', "can't be stored"),
        ('{"customer": "Ana", "amount": 1, "tier": "OURO"}', "every row has a tier or none"),
        (json.dumps({"customer": "Ana", "amount": 1, "note": "x" * 70_000}), "longer than 65,536"),
    ],
)
def test_rows_that_are_rejected(line: str, reason: str) -> None:
    good, bad, other = read(GOOD, line, GOOD)
    assert isinstance(good, ParsedRow)
    assert isinstance(other, ParsedRow)
    assert isinstance(bad, SpoiltRow)
    assert bad.line == 2
    assert reason in bad.reason


def test_tiers_are_read_when_every_row_has_one() -> None:
    items = read('{"cliente": "Ana", "valor": 1, "tier": "silver"}', GOOD)
    assert isinstance(items[0], ParsedRow)
    assert items[0].tier == "PRATA"
    assert isinstance(items[1], SpoiltRow)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ImportRejected, match="empty"):
        read("", "")


def test_a_first_object_without_the_fields_is_refused() -> None:
    with pytest.raises(ImportRejected, match="no column for cliente and valor in the first object"):
        read('{"a": 1}', GOOD)
