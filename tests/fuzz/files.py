"""Files as shops, spreadsheets and attackers may send them: nearly right, cut, mixed or noise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from pedidos_common.domain.imports.columns import NAMES

KNOWN = sorted(name for names in NAMES.values() for name in names)
ENCODINGS = ("utf-8", "latin-1", "windows-1252", "utf-16", "utf-16-le", "utf-16-be")
# what means something to a reader of CSV or JSON, a terminal, a spreadsheet, MongoDB, or Unicode
BITS = (
    *('"', '""', ",", ";", "\t", "|", "'", "\\", "\n", "\r", "\r\n", " ", "\x00", "\x1b[2J"),
    *("$where", "$", ".", "=1+1", "@SUM(A1)", "-", "+", "e9", "NaN", "Infinity", "1e999"),
    *("\ufeff", "\u2028", "\u202e", "\u0301", "😀", "ß", "İ", "\uff19", "\x85", "\xa0"),
    *("{", "}", "[", "]", "null", "true", "0", "1.234,56", "1,234.56", "9" * 40),
    *("2026-02-30", "2026-01-31T00:00+99:99"),
)
AMOUNTS = st.decimals(0, 10**6, places=2).map(str)
NAMED = st.sampled_from(["Ana", "João", "Zé da Silva", "c1", "c2"])
CUSTOMERS = st.one_of(NAMED, NAMED, NAMED, st.tuples(NAMED, st.sampled_from(BITS)).map("".join))
TIERS = st.sampled_from(["OURO", "gold", "DIAMANTE", "bronze", "platinum", ""])
TEXTS = st.lists(st.one_of(st.sampled_from(BITS), st.text(max_size=5)), max_size=5).map("".join)
CELLS = st.one_of(AMOUNTS, CUSTOMERS, TIERS, TEXTS, st.sampled_from(BITS))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(CELLS, st.none(), st.booleans(), st.integers(), st.floats(width=32)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
JSON_BITS = ('{"a":' * 50, "[" * 3_000, '"\\ud800"', '{"cliente": "\\udfff"', "{}", "[]", "1", '""')


@dataclass(frozen=True)
class File:
    """An upload: its bytes, and what its sender says of them."""

    form: str
    encoding: str
    content: bytes


@st.composite
def files(draw: st.DrawFn) -> File:
    """A file of either format; most of its rows are nearly right."""
    form, encoding = draw(st.sampled_from(("csv", "ndjson"))), draw(st.sampled_from(ENCODINGS))
    if draw(st.integers(0, 9)) == 0:
        return File(form, encoding, draw(st.binary(max_size=300)))
    text = draw(_csv() if form == "csv" else _ndjson())
    written = draw(st.sampled_from((encoding, "utf-8")))
    content = text.encode(written, "surrogatepass" if written.startswith("utf") else "replace")
    return File(form, encoding, draw(_hurt(content)))


@st.composite
def _csv(draw: st.DrawFn) -> str:
    delimiter, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(("\n", "\r\n", "\r")))
    names = draw(st.lists(st.sampled_from(KNOWN) | TEXTS, max_size=4))
    header = [draw(st.sampled_from(("cliente", "nome"))), "valor", *names]
    cells = [CUSTOMERS, AMOUNTS, *(CELLS for _ in names)]
    tidy: st.SearchStrategy[list[str]] = st.tuples(*cells).map(list)
    rows = draw(st.lists(tidy | st.lists(CELLS, max_size=7), max_size=8))
    quoted = draw(st.booleans())
    lines = [header, *([_quoted(cell) for cell in row] if quoted else row for row in rows)]
    return end.join(delimiter.join(line) for line in lines) + draw(st.sampled_from(("", end)))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@st.composite
def _ndjson(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(KNOWN) | TEXTS, max_size=3))
    tidy = st.fixed_dictionaries(
        {"cliente": CUSTOMERS, "valor": AMOUNTS, **dict.fromkeys(names, VALUES)}
    )
    wild = st.dictionaries(st.sampled_from(KNOWN) | TEXTS, VALUES, max_size=4)
    lines = draw(st.lists((tidy | wild).map(_as_json) | st.sampled_from(JSON_BITS), max_size=8))
    return "\n".join(lines)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=len(str(value)) % 2 == 0)


@st.composite
def _hurt(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with up to three pieces taken out or replaced, half of the time unhurt."""
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2, 3)))):
        start = draw(st.integers(0, max(len(content), 1)))
        stop = start + draw(st.integers(0, 4))
        content = content[:start] + draw(st.binary(max_size=4)) + content[stop:]
    return content
