"""What an idempotency key stands for: the request's body, however it was written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any


def fingerprint(body: Any) -> str:
    """SHA-256 of a JSON document whose keys' order and spacing don't matter, as 64 hex digits.

    Numbers count by their value, in JSON or as `Decimal`: 5, 5.0 and 5.00 are the same, and not
    the same as the text "5". A key that is absent is not the same as one that is null.
    """
    text = json.dumps(
        _canonical(body), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        # a text that looks like how a number is written here stays another one
        return ["text", value]
    if isinstance(value, int | float | Decimal):
        return ["number", _number(value)]
    if isinstance(value, Mapping):
        return {str(name): _canonical(one) for name, one in value.items()}
    if isinstance(value, Sequence):
        return ["list", *(_canonical(one) for one in value)]
    raise TypeError(f"{type(value).__name__} is nothing that JSON knows")


def _number(value: float | Decimal) -> str:
    """The digits without zeros at their end, and where they stand; never written out in full."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value} is no number that JSON knows")
    sign, digits, exponent = number.as_tuple()
    all_digits = "".join(map(str, digits)).lstrip("0")
    kept = all_digits.rstrip("0")
    place = int(exponent) + len(all_digits) - len(kept)
    return f"{'-' * sign}{kept}e{place}" if kept else "0"
