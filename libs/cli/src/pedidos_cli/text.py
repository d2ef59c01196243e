"""Numbers and times as people read them."""

from __future__ import annotations

from typing import Any

# a terminal obeys these, C1 (0x80 to 0x9f) as well as C0
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_BUT_LINES = {code: shown for code, shown in _CONTROLS.items() if code != ord("\n")}
_AS_JSON = {code: f"\\u{code:04x}" for code in range(127, 160)}
NONE = "–"  # noqa: RUF001 - an en dash is what a table shows for nothing


def duration(milliseconds: Any) -> str:
    """`850 ms`, `12.3 s`, `2 min 05 s`."""
    if not isinstance(milliseconds, int | float):
        return NONE
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def count(number: Any) -> str:
    """`1,000,000`."""
    return f"{number:,.0f}" if isinstance(number, int | float) else NONE


def speed(per_second: Any) -> str:
    """`45,000/s`."""
    if not isinstance(per_second, int | float):
        return NONE
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"


def moment(text: Any) -> str:
    """An ISO 8601 time as the clock of its day shows it, UTC with milliseconds."""
    if not isinstance(text, str) or "T" not in text:
        return NONE
    return text.partition("T")[2].removesuffix("Z").removesuffix("+00:00")[:12]


def size(number: Any) -> str:
    """`1.5 MB`."""
    if not isinstance(number, int | float):
        return NONE
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1_000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1_000
    return f"{value:.1f} TB"


def harmless(text: str) -> str:
    """A text with its control characters shown (`\\x1b`), so that no terminal obeys it.

    Line ends stay.
    """
    return text.translate(_BUT_LINES)


def harmless_json(document: str) -> str:
    """The same document without the control characters that JSON itself lets stand in a text."""
    return document.translate(_AS_JSON)


def cell(value: Any) -> str:
    """A value from data on one line, with its control characters shown; empty for None."""
    return "" if value is None else str(value).translate(_CONTROLS)
