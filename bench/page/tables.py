"""A result's figures as HTML tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from bench.results import Result

OPEN_ROWS = 16
NOTHING = "\N{EN DASH}"
# Words of a page for the words of a file.
UNITS = (
    ("cpu_seconds_per_100k", "CPU s per 100k"),
    ("_per_100k", " per 100k"),
    ("_seconds", ", s"),
    ("_mib", ", MiB"),
    ("_ms", ", ms"),
    ("_", " "),
)


def tables_of(result: Result) -> Iterator[str]:
    """The summary, the settings, then the rows: one table for each `kind` there is."""
    yield _pairs("In short", result.summary)
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for row in result.rows:
        kinds.setdefault(str(row.get("kind", "measured")), []).append(row)
    for kind, rows in kinds.items():
        yield _folded(kind, rows)


def worded(name: str) -> str:
    """A column's name for people."""
    for code, word in UNITS:
        name = name.replace(code, word)
    return name.strip()


def told(value: Any) -> str:
    """A value for people: spreads as `median (least to largest)`, nothing as a dash."""
    if isinstance(value, Mapping):
        if value.keys() >= {"median", "min", "max"}:
            middle, least, most = (told(value[n]) for n in ("median", "min", "max"))
            return f"{middle} ({least} to {most})"
        return (
            ", ".join(f"{worded(str(name))}: {told(one)}" for name, one in value.items()) or NOTHING
        )
    if isinstance(value, list | tuple):
        return ", ".join(told(one) for one in value) or NOTHING
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _pairs(title: str, figures: Mapping[str, Any]) -> str:
    if not figures:
        return ""
    body = "".join(
        f'<tr><th scope="row">{escape(worded(name))}</th><td>{escape(told(value))}</td></tr>'
        for name, value in figures.items()
    )
    return (
        f'<div class="table"><table><caption>{title}</caption><tbody>{body}</tbody></table></div>'
    )


def _folded(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    table = _table(kind, rows)
    if len(rows) <= OPEN_ROWS:
        return table
    return f"<details><summary>{escape(worded(kind))}: {len(rows)} rows</summary>{table}</details>"


def _table(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in dict.fromkeys(n for row in rows for n in row) if name != "kind"]
    head = "".join(_head(name, rows) for name in names)
    body = "".join(f"<tr>{''.join(_cell(row.get(name)) for name in names)}</tr>" for row in rows)
    title = f"<caption>{escape(worded(kind))}</caption>"
    return (
        f'<div class="table"><table>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _head(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    found = next((row[name] for row in rows if row.get(name) is not None), None)
    return f'<th scope="col"{_side(found)}>{escape(worded(name))}</th>'


def _cell(value: Any) -> str:
    return f"<td{_side(value)}>{escape(told(value))}</td>"


def _side(value: Any) -> str:
    return ' class="text"' if isinstance(value, str) else ""
