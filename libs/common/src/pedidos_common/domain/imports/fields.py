"""One field at a time: text of a file to a value, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pedidos_common.domain.imports.rows import BadRow, ParsedRow, SpoiltRow
from pedidos_common.domain.orders import Tier, parse_tier

MAX_VALOR_CENTS = 10**12 * 100
MAX_CLIENTE = 200
MAX_EXTERNAL_ID = 200
MAX_QUANTIDADE = 10**9
_SHOWN = 60

_PLAIN = re.compile(r"\+?([0-9]{1,15})(?:[.,]([0-9]{1,2}))?")
# both separators are there, so the last one is the decimal one
_GROUPED = re.compile(
    r"\+?([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{1,2})|\+?([0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{1,2})"
)
_NUMBER = re.compile(r"[+-]?[0-9.,]*[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"\+?[0-9]{1,10}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # no tab, no line end
_GROUP_MARKS = str.maketrans("", "", ".,")
_TIERS = {tier.value: tier.value for tier in Tier}


def cliente(text: str) -> str:
    """The customer, 1 to 200 characters."""
    name = text.strip()
    if not name:
        raise BadRow("cliente is empty")
    if len(name) > MAX_CLIENTE:
        raise BadRow(f"cliente is longer than {MAX_CLIENTE} characters")
    _refuse_controls("cliente", name)
    return name


def valor_cents(text: str) -> int:
    """An amount of money in cents: 1234.56, 1234,56, 1.234,56 and 1,234.56 are the same."""
    amount = text.strip()
    match = _PLAIN.fullmatch(amount)
    if match is not None:
        units, decimals = match[1], match[2] or "0"
    else:
        units, decimals = _grouped(amount)
    cents = int(units) * 100 + int(decimals) * (10 if len(decimals) == 1 else 1)
    if cents > MAX_VALOR_CENTS:
        raise BadRow(f"valor {_shown(amount)} is over {MAX_VALOR_CENTS // 100:,}")
    return cents


def _grouped(amount: str) -> tuple[str, str]:
    match = _GROUPED.fullmatch(amount)
    if match is None:
        raise BadRow(_why_no_amount(amount))
    return (match[1] or match[3]).translate(_GROUP_MARKS), match[2] or match[4]


def _why_no_amount(amount: str) -> str:
    if not amount:
        return "valor is empty"
    if _NUMBER.fullmatch(amount) is None:
        return f"valor {_shown(amount)} is not a number such as 1234.56"
    if amount.startswith("-"):
        return f"valor {_shown(amount)} is negative"
    if "e" in amount.lower() or amount.strip("+").isdigit():
        return f"valor {_shown(amount)} is not an amount such as 1234.56, at most 10^12"
    return f"valor {_shown(amount)} must have at most 2 decimals, as in 1234.56 or 1234,56"


def tier(text: str) -> str:
    """A tier's name, Portuguese or English."""
    known = _TIERS.get(text)
    if known is not None:
        return known
    try:
        return parse_tier(text).value
    except ValueError:
        raise BadRow(
            f"tier {_shown(text)} is unknown; use {', '.join(Tier)} (or SILVER, GOLD, DIAMOND)"
        ) from None


def external_id(text: str) -> str | None:
    """The shop's own id of the order; None where the cell is empty."""
    name = text.strip()
    if len(name) > MAX_EXTERNAL_ID:
        raise BadRow(f"externalId is longer than {MAX_EXTERNAL_ID} characters")
    _refuse_controls("externalId", name)
    return name or None


def _refuse_controls(field: str, name: str) -> None:
    # a terminal or a spreadsheet that shows the name would obey them
    if not name.isprintable() and (found := _CONTROL.search(name)):
        raise BadRow(f"{field} {_shown(name)} holds the control character U+{ord(found[0]):04X}")


def ordered_at(text: str) -> datetime | None:
    """An ISO 8601 date or time; without a zone it is UTC; None where the cell is empty."""
    when = text.strip()
    if not when:
        return None
    try:
        parsed = datetime.fromisoformat(when)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRow(
            f"orderedAt {_shown(when)} is not an ISO 8601 date such as 2026-01-31"
        ) from None


def quantidade(text: str) -> int | None:
    """A whole number of pieces; None where the cell is empty."""
    number = text.strip()
    if not number:
        return None
    if _WHOLE.fullmatch(number) is None or int(number) > MAX_QUANTIDADE:
        raise BadRow(
            f"quantidade {_shown(number)} is not a whole number of 0 to {MAX_QUANTIDADE:,}"
        )
    return int(number)


def _shown(text: str) -> str:
    return repr(text[:_SHOWN] + ("…" if len(text) > _SHOWN else ""))


class RowRule:
    """Reads the cells of a row; made from pairs of a field's name and its place in the row."""

    def __init__(self, places: Iterable[tuple[str, int]]) -> None:
        place = dict(places)
        self._cliente, self._valor = place.get("cliente"), place.get("valor")
        self._tier, self._external_id = place.get("tier"), place.get("externalId")
        self._ordered_at, self._quantidade = place.get("orderedAt"), place.get("quantidade")

    def read(self, line: int, cells: Sequence[str]) -> ParsedRow | SpoiltRow:
        """The row, or why it is spoilt."""
        try:
            return ParsedRow(
                line,
                cliente("" if self._cliente is None else cells[self._cliente]),
                valor_cents("" if self._valor is None else cells[self._valor]),
                None if self._tier is None else tier(cells[self._tier]),
                None if self._external_id is None else external_id(cells[self._external_id]),
                None if self._ordered_at is None else ordered_at(cells[self._ordered_at]),
                None if self._quantidade is None else quantidade(cells[self._quantidade]),
            )
        except BadRow as reason:
            return SpoiltRow(line, str(reason))
