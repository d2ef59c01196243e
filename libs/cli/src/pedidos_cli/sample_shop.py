"""The sample shop of a stack with a sandbox, which is there to try checkout with."""

from __future__ import annotations

from collections.abc import Callable

from pedidos_cli.client import ApiClient
from pedidos_cli.errors import CliError

CODES = ("WELCOME10", "TAKE5")
WARNING = (
    f"Its discount codes {' and '.join(CODES)} hold from now on, for whatever is sold here: delete "
    "them from `discounts` in MongoDB before the shop is a real one"
)


async def seed_if_empty(client: ApiClient, note: Callable[[str], None]) -> None:
    """Adds it where nothing can be bought yet; a shop with products of its own stays as it is.

    What hinders it is noted, as the stack is good without it.
    """
    try:
        if not (await client.get("/api/products", {"limit": 1}))["items"]:
            answer = await client.post("/api/products/sample")
            added = f"{answer['added']} products, as nothing could be bought yet"
            note(f"Sample shop: {added}. {WARNING}.")
    except CliError as error:
        note(f"No sample shop: {error}. `pedidos checkout seed` adds it.")
