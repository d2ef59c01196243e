"""Documents as another release may have written them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pedidos_common.adapters.mongo.client import Document


def known_fields(kind: type, document: Mapping[str, Any]) -> Document:
    """The fields of a document that a dataclass has: a newer release may have written more."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in document.items() if name in names}
