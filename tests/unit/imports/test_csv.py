"""CSV files, good and bad, in pieces of any size."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_common.domain.imports import (
    ImportRejected,
    ParsedRow,
    RowReader,
    SpoiltRow,
    reader_for,
)
from pedidos_common.domain.imports.records import Records
from pedidos_common.domain.imports.text import Line, Lines

Item = ParsedRow | SpoiltRow


def read(data: bytes, encoding: str | None = None, piece: int = 7) -> list[Item]:
    return read_with(reader_for("csv", encoding), data, piece)


def read_with(reader: RowReader, data: bytes, piece: int = 7) -> list[Item]:
    items: list[Item] = []
    for start in range(0, len(data), piece):
        items += reader.feed(data[start : start + piece])
    return [*items, *reader.finish()]


def summary(items: list[Item]) -> list[tuple[object, ...]]:
    """(line, customer, cents) of good rows, (line, reason) of spoilt ones."""
    return [
        (item.line, item.cliente, item.valor_cents) if isinstance(item, ParsedRow) else item
        for item in items
    ]


def spoilt_lines(items: list[Item]) -> list[int]:
    return [item.line for item in items if isinstance(item, SpoiltRow)]


def only_reason(items: list[Item]) -> str:
    (item,) = items
    assert isinstance(item, SpoiltRow)
    return item.reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("piece", [1, 3, 1_000])
def test_delimiters_and_line_ends(delimiter: str, end: str, piece: int) -> None:
    lines = ["cliente,valor,tier", "Ana,12.34,OURO", "", "João,5.00,gold", "Zé,0.00,diamond"]
    text = end.join(lines).replace(",", delimiter)
    items = read(text.encode(), piece=piece)
    assert summary(items) == [(2, "Ana", 1234), (4, "João", 500), (5, "Zé", 0)]
    assert [item.tier for item in items if isinstance(item, ParsedRow)] == [
        "OURO",
        "OURO",
        "DIAMANTE",
    ]


def test_all_columns_by_their_aliases() -> None:
    data = (
        b"Order ID;Customer-Name;customer_id;AMOUNT;qty;Ordered At;note\n"
        b"A1;Ana;7;3,50;2;1997-01-31;x\n"
        b"A2;Bia;8;4;;2026-02-03T10:00:00-03:00;\n"
    )
    reader = reader_for("csv")
    assert read_with(reader, data) == [
        ParsedRow(2, "Ana", 350, None, "A1", datetime(1997, 1, 31, tzinfo=UTC), 2),
        ParsedRow(3, "Bia", 400, None, "A2", datetime(2026, 2, 3, 13, tzinfo=UTC), None),
    ]
    assert reader.columns is not None
    assert reader.columns.mapped == {
        "cliente": "Customer-Name",
        "valor": "AMOUNT",
        "externalId": "Order ID",
        "orderedAt": "Ordered At",
        "quantidade": "qty",
    }
    assert reader.columns.ignored == ["customer_id", "note"]


def test_lines_are_right_behind_quoted_newlines() -> None:
    data = b'cliente,valor\n"Ana\nMaria",1\nBia,x\n"a ""b"" c","2,50"\n'
    items = read(data)
    assert summary(items)[0] == (2, "Ana\nMaria", 100)
    assert spoilt_lines(items) == [4]
    assert summary(items)[2] == (5, 'a "b" c', 250)


def test_a_quote_that_is_never_closed_spoils_its_own_row_alone() -> None:
    rows = "".join(f"c{n},{n}\n" for n in range(5_000))
    data = f'cliente,valor\n"Ana,1\n{rows}"Bia,2\nCaio,3\n'.encode()
    items = read(data, piece=4_096)
    assert spoilt_lines(items) == [2, 5_003]
    assert len(items) == 5_003


def test_broken_quotes_of_fully_quoted_files_spoil_one_row_each() -> None:
    data = b'"cliente","valor"\n"Ana,"1"\n"Bia","2\n"Caio","3"\n"Duda"x,"4"\n"Eva","5"\n'
    items = read(data)
    assert spoilt_lines(items) == [2, 3, 5]
    assert summary(items)[-1] == (6, "Eva", 500)


def test_a_quote_inside_an_unquoted_cell_is_text() -> None:
    assert summary(read(b'cliente,valor\nTV 32" Ltda,1\n')) == [(2, 'TV 32" Ltda', 100)]


def test_a_hostile_file_of_open_quotes_is_refused_in_time() -> None:
    data = b"cliente,valor\n" + b'a",b,"c\n' * 1_000_000
    with pytest.raises(ImportRejected, match="never closed"):
        read(data, piece=65_536)


def test_the_stray_quotes_that_are_borne_grow_with_the_file() -> None:
    part = ['"Rui,1', *["x" * 3_500] * 20]
    lines = (Line(number, text) for number, text in enumerate(part * 300, 1))
    records = Records(",")
    items = [*records.feed(lines), *records.finish()]
    assert len(items) == 300 * 21
    assert sum(isinstance(item, SpoiltRow) for item in items) == 300


def test_a_row_that_is_too_long_is_rejected_and_costs_no_memory() -> None:
    reader = reader_for("csv")
    items = list(reader.feed(b"cliente,valor\n"))
    for _ in range(100):
        items += reader.feed(b"x" * 10_000)
    items += [*reader.feed(b",1\nAna,2\n"), *reader.finish()]
    assert spoilt_lines(items) == [2]
    assert summary(items)[1] == (3, "Ana", 200)


def test_undecodable_bytes_spoil_their_row_alone() -> None:
    items = read("cliente,valor\nJosé,1\nJosé,2\n".encode().replace(b"Jos\xc3\xa9,2", b"Jos\xe9,2"))
    assert summary(items)[0] == (2, "José", 100)
    assert spoilt_lines(items) == [3]
    assert "encoding=latin-1" in only_reason(items[1:])


def test_a_nul_spoils_its_row() -> None:
    assert spoilt_lines(read(b"cliente,valor\nA\x00na,1\n")) == [2]


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-16", "latin-1"),  # the byte order mark wins
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "UTF-16BE"),
        ("latin-1", "latin1"),
        ("cp1252", "windows-1252"),
        ("utf-8", "UTF8"),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 5, 1_000])
def test_encodings(codec: str, encoding: str | None, piece: int) -> None:
    data = "cliente,valor\nConceição,1\n".encode(codec)
    assert summary(read(data, encoding, piece)) == [(2, "Conceição", 100)]


def test_half_a_character_at_the_end_spoils_the_last_row() -> None:
    data = "cliente,valor\nAna,1\nBia,2".encode("utf-16") + b"x"
    assert spoilt_lines(read(data)) == [3]
    assert spoilt_lines(read(b"cliente,valor\nAna,1\nBia,2\xc3")) == [3]


def test_an_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(ImportRejected, match="'klingon' is not read; use one of utf-8"):
        reader_for("csv", "klingon")
    with pytest.raises(ImportRejected, match="'rot13'"):
        reader_for("csv", "rot13")


def test_an_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(ImportRejected, match="'xlsx' is not read; use csv or ndjson"):
        reader_for("xlsx")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n  \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"cliente,valor\n\n", "a header and no rows"),
        (b"cliente,preis\nAna,1\n", "no column for valor in the header; found 'cliente', 'preis'"),
        (b"a;b\n1;2\n", "no column for cliente and valor"),
        (b"a,b\n1,2\n", "accepted names: cliente: cliente, customer, .* valor: valor, amount"),
        ("cliente,valor\nAna,1\n".encode("utf-16-le"), "encoding=utf-16"),
        (b"PK\x03\x04....", "a spreadsheet"),
        (b"\x1f\x8b\x08....", "gzip"),
        ("cliente,valor,preço\n".encode("latin-1"), "header can't be read"),
        (b'"cliente,valor\nAna,1\n', "no column for cliente and valor"),
        (b"x" * 70_000, "header can't be read"),
    ],
)
def test_files_that_are_refused_whole(data: bytes, message: str) -> None:
    with pytest.raises(ImportRejected, match=message):
        read(data, piece=1_000)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Ana", "1 columns, the header 4"),
        ("Ana,1,2,OURO", "3 columns, the header 4|tier"),
        ("Ana,12,34,OURO,1", "5 columns, the header 4"),
        (",1,OURO,1", "cliente is empty"),
        ("  ,1,OURO,1", "cliente is empty"),
        ("x" * 201 + ",1,OURO,1", "cliente is longer than 200"),
        ("Ana,1,PLATIN,1", "tier 'PLATIN' is unknown; use BRONZE, PRATA, OURO, DIAMANTE"),
        ("Ana,1,,1", "tier '' is unknown"),
        ("Ana,1,OURO,1.5", "quantidade '1.5'"),
        ("Ana,1,OURO,-1", "quantidade '-1'"),
        ("Ana,1,OURO,9999999999", "quantidade"),
    ],
)
def test_rows_that_are_rejected(row: str, reason: str) -> None:
    import re

    found = only_reason(read(f"cliente,valor,tier,qty\n{row}\n".encode()))
    assert re.search(reason, found), found


def test_empty_cells_too_many_are_let_pass() -> None:
    assert summary(read(b"cliente,valor\nAna,1,,\n")) == [(2, "Ana", 100)]


@pytest.mark.parametrize("when", ["31/12/2025", "yesterday", "0001-01-01T00:00:00+14:00"])
def test_dates_that_are_not_iso_are_rejected(when: str) -> None:
    assert "ISO 8601" in only_reason(read(f"cliente,valor,date\nAna,1,{when}\n".encode()))


cell = st.text(st.sampled_from('ab,;" \n\té'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(cell, min_size=2, max_size=3), max_size=6), st.integers(1, 9))
def test_reads_whatever_the_standard_writer_writes(table: list[list[str]], piece: int) -> None:
    held = io.StringIO()
    csv.writer(held, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    data = held.getvalue().encode()
    lines, records = Lines(), Records(",")
    found: list[object] = []
    for start in range(0, len(data), piece):
        found += records.feed(lines.feed(data[start : start + piece]))
    found += [*records.feed(lines.feed(b"", final=True)), *records.finish()]
    expected, number = [], 1
    for row in table:
        expected.append((number, row))
        number += 1 + sum(each.count("\n") for each in row)
    assert found == expected


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('ab,"\n'), max_size=60))
def test_any_text_gives_rows_in_order_and_each_line_once(text: str) -> None:
    lines = [Line(n, line) for n, line in enumerate(text.split("\n"), 1)]
    records = Records(",")
    found = [*records.feed(lines), *records.finish()]
    starts = [item[0] for item in found]
    assert starts == sorted(set(starts))
    assert set(starts) <= set(range(1, len(lines) + 1))


@pytest.mark.parametrize("bad", ["\x1b[31mEvil", "Ana\x07", "Ana\x7fMaria", "Ana\x9bMaria"])
def test_names_with_control_characters_are_rejected(bad: str) -> None:
    data = f'cliente,valor,order_id\n"{bad} x",1,1\nAna,2,"{bad} x"\nBia,3,"a\tb"\n'.encode()
    items = read(data)
    assert [item.line for item in items if isinstance(item, SpoiltRow)] == [2, 3]
    reasons = [item.reason for item in items if isinstance(item, SpoiltRow)]
    assert reasons[0].startswith("cliente ")
    assert reasons[1].startswith("externalId ")
    assert all("holds the control character U+" in reason for reason in reasons)
