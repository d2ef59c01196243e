"""Fixtures that every level of the tests shares: real servers, and a clean corner in them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pymongo
import pytest
import redis

from tests import servers as real
from tests.counted import COUNTED
from tests.sandbox import Sandbox, running_sandbox
from tests.servers import Servers


def pytest_report_header(config: pytest.Config) -> str:
    """Says which servers the tests of this session run on."""
    try:
        return f"servers: {real.choose(os.environ)}"
    except ValueError as wrong:
        raise pytest.UsageError(str(wrong)) from None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests counted."""
    passed = terminalreporter.stats.get("passed", [])
    for text in sorted(str(v) for r in passed for name, v in r.user_properties if name == COUNTED):
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One MongoDB and one Redis for this test process, started when first asked for."""
    kind = real.choose(os.environ)
    with real.running(kind, tmp_path_factory.mktemp("servers")) as started:
        yield started


@pytest.fixture(scope="session")
def mongo_uri(servers: Servers) -> str:
    """Address of a real MongoDB."""
    return servers.mongo_uri


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """Address of a real Redis."""
    return servers.redis_url


@pytest.fixture(scope="session")
def mongo_client(mongo_uri: str) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    """A plain blocking client, for arranging and for looking behind the adapters' backs."""
    with pymongo.MongoClient[dict[str, Any]](
        mongo_uri, uuidRepresentation="standard", tz_aware=True
    ) as client:
        yield client


@pytest.fixture
def mongo_database(mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The name of a database that is this test's alone, and dropped after it."""
    name = f"t{uuid4().hex[:16]}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture
def redis_prefix(redis_url: str) -> Iterator[str]:
    """A key prefix that is this test's alone; its keys are deleted after it."""
    prefix = f"t{uuid4().hex[:16]}:"
    yield prefix
    with contextlib.closing(redis.Redis.from_url(redis_url, socket_timeout=10)) as client:
        keys = list(client.scan_iter(match=f"{prefix}*", count=1000))
        if keys:
            client.delete(*keys)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox of providers for this test process; use `sandbox`."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Iterator[Sandbox]:
    """The sandbox of payment provider, SMS provider and mailbox: empty, and without faults."""
    sandbox_process.reset()
    yield sandbox_process
    sandbox_process.reset()  # nobody is to be told of what is over
