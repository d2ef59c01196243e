"""Columns by name: which names mean which field. docs/imports.md lists them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from pedidos_common.domain.imports.rows import Columns, ImportRejected

# The first name of each is the field's own; of several columns with names of one field, the
# one whose name stands first here is taken.
NAMES: Mapping[str, Sequence[str]] = {
    "cliente": (
        "cliente",
        "customer",
        "client",
        "nome",
        "nome_cliente",
        "customer_name",
        "name",
        "customer_id",
        "cliente_id",
        "id_cliente",
        "client_id",
    ),
    "valor": (
        "valor",
        "amount",
        "total",
        "valor_total",
        "total_amount",
        "total_price",
        "price",
        "preco",
        "value",
    ),
    "tier": ("tier", "customer_tier", "nivel", "level"),
    "externalId": (
        "externalId",
        "order_id",
        "pedido_id",
        "id_pedido",
        "order_number",
        "numero_pedido",
        "order",
        "pedido",
    ),
    "orderedAt": (
        "orderedAt",
        "order_date",
        "data_pedido",
        "date",
        "data",
        "created_at",
        "timestamp",
    ),
    "quantidade": ("quantidade", "quantity", "qty", "qtd", "qtde"),
}
REQUIRED = ("cliente", "valor")
_SHOWN = 20


def plain(name: str) -> str:
    """The name without case, accents, blanks and punctuation: `External ID` is `externalid`."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalnum())


_RANK = {
    plain(name): (field, rank) for field, names in NAMES.items() for rank, name in enumerate(names)
}


def map_columns(names: Iterable[str]) -> Columns:
    """Find each field's column; nothing is required here."""
    best: dict[str, tuple[int, str]] = {}
    held = list(names)
    for name in held:
        field, rank = _RANK.get(plain(name), ("", 0))
        if field and (field not in best or rank < best[field][0]):
            best[field] = (rank, name)
    mapped = {field: best[field][1] for field in NAMES if field in best}
    return Columns(mapped, [name for name in held if name not in mapped.values()])


def require(columns: Columns, found: Sequence[str], where: str) -> None:
    """Check that the fields without which there is no order are there.

    Raises:
        ImportRejected: naming what is missing, what was found, and which names are read.
    """
    missing = [field for field in REQUIRED if field not in columns.mapped]
    if not missing:
        return
    names = ", ".join(repr(name[:60]) for name in found[:_SHOWN]) or "none"
    accepted = "; ".join(f"{field}: {', '.join(NAMES[field])}" for field in missing)
    raise ImportRejected(
        f"no column for {' and '.join(missing)} in {where}; found {names};"
        f" accepted names: {accepted}"
    )
