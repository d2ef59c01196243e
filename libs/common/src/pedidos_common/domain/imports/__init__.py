"""Imports of real orders: bytes of a file to rows, and the tier rule. Pure, and streaming."""

from pedidos_common.domain.imports.readers import FORMATS, reader_for
from pedidos_common.domain.imports.rows import (
    Columns,
    ImportGone,
    ImportRejected,
    ImportTooLarge,
    ParsedRow,
    RowReader,
    SpoiltRow,
)
from pedidos_common.domain.imports.tiers import tier_at, tier_cuts

__all__ = [
    "FORMATS",
    "Columns",
    "ImportGone",
    "ImportRejected",
    "ImportTooLarge",
    "ParsedRow",
    "RowReader",
    "SpoiltRow",
    "reader_for",
    "tier_at",
    "tier_cuts",
]
