"""Ids that nobody can guess; the only place of checkout that draws at random."""

from __future__ import annotations

import secrets

from pedidos_checkout.domain.checkouts import ID_BYTES, checkout_id


def new_checkout_id() -> str:
    """An id that was never given before; whoever knows it may see how its checkout stands."""
    return checkout_id(secrets.token_bytes(ID_BYTES))
