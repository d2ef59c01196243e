"""What failures have in common: the same function, and the same words but for what is one job's."""

from __future__ import annotations

import hashlib
import re

LONGEST_TEXT = 500
LENGTH = 16
_OWN = (
    ("<time>", r"\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:z|[+-]\d\d:?\d\d)?)?"),
    ("<mail>", r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"),
    ("<id>", r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    ("<id>", r"\b[a-z]{2,8}_[a-z0-9]{16,}\b"),
    ("<hex>", r"\b0x[0-9a-f]+\b"),
    ("<address>", r"\[?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}\]?"),
    ("<address>", r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    ("<hex>", r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{6,}\b"),
    ("<number>", r"\d+(?:[.,]\d+)*"),
)
_PLACES = [place for place, _ in _OWN]
_PATTERN = re.compile("|".join(f"({pattern})" for _, pattern in _OWN))
_SPACES = re.compile(r"\s+")


def without_own(error: str) -> str:
    """The error's words without ids, numbers, hex, addresses and times; bounded in length."""
    text = _SPACES.sub(" ", error[:LONGEST_TEXT].lower()).strip()
    return _PATTERN.sub(lambda found: _PLACES[(found.lastindex or 1) - 1], text)


def fingerprint(function: str, error: str) -> str:
    """Equal for failures of one kind: 16 hexadecimal digits."""
    said = f"{function}\n{without_own(error)}"
    return hashlib.sha256(said.encode(errors="replace")).hexdigest()[:LENGTH]
