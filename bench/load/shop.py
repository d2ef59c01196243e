"""A whole shop for a measurement: servers, services and the sandbox, with products to sell."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.database import Database

from bench.running.measure import server_versions
from bench.running.stack import RunningServices, ServerPair, server_pair, services
from pedidos_cli.audit.checkouts import audit_checkouts

DATABASE = "pedidos"
PLENTY = 1_000_000


@dataclass(frozen=True, slots=True)
class Shop:
    """Where everything is."""

    api: str
    sandbox: str
    database: Database[dict[str, Any]]
    folder: Path
    running: RunningServices
    servers: ServerPair
    versions: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def open_shop(workers: int, environment: Mapping[str, str] | None = None) -> Iterator[Shop]:
    """A shop that is ready to sell, with a folder of its own that goes with it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-load-")))
        servers = stack.enter_context(server_pair(folder))
        settings = {"NO_PROXY": "127.0.0.1", **(environment or {})}
        running = stack.enter_context(
            services(servers, folder / "services", 1, workers, settings, ("--sandbox",))
        )
        seeded = httpx.post(f"{running.api}/api/products/sample", trust_env=False, timeout=30.0)
        seeded.raise_for_status()
        client = stack.enter_context(MongoClient[dict[str, Any]](servers.mongo_uri, tz_aware=True))
        yield Shop(
            api=running.api,
            sandbox=_sandbox_of(running),
            database=client[DATABASE],
            folder=folder,
            running=running,
            servers=servers,
            versions=server_versions(servers.mongo_uri, servers.redis_url),
        )


def fill_shelves(shop: Shop) -> None:
    """So much more of every product that none runs out: a refusal is less work than an order."""
    more = {"available": PLENTY, "stocked": PLENTY}
    shop.database.stock.update_many({}, {"$inc": more})


def _sandbox_of(running: RunningServices) -> str:
    told = json.loads(running.stack_file.with_name("sandbox.json").read_text("utf-8"))
    return str(told["url"])


def audited(shop: Shop) -> Sequence[str]:
    """What the audit finds wrong."""
    verdict = audit_checkouts(shop.servers.mongo_uri, DATABASE, shop.sandbox)
    print(verdict.headline(), flush=True)
    return [f"{c.title}: {c.found}" for c in verdict.checks if c.passed is False]
