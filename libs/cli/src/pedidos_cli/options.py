"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Api = Annotated[
    str | None,
    typer.Option(
        "--api", help="Address of the API; else PEDIDOS_API, else the last stack started."
    ),
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", help="Key of the API; else API_KEY.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines, nothing else.")]
MongoUri = Annotated[
    str | None,
    typer.Option("--mongo-uri", envvar="MONGO_URI", help="Address of MongoDB."),
]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", envvar="REDIS_URL", help="Address of Redis."),
]
Generators = Annotated[int, typer.Option(min=1, max=64, help="How many generator processes.")]
Workers = Annotated[int, typer.Option(min=1, max=256, help="How many worker processes.")]
