"""Things counted in words."""

from __future__ import annotations

from typing import Any

from pedidos_cli import text


def counted(number: Any, noun: str) -> str:
    """`1 order`, `2,000 orders`."""
    return f"{text.count(number)} {noun}" + ("" if number == 1 else "s")
