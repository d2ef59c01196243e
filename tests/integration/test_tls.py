"""MongoDB and Redis that ask for TLS, certificates and passwords, all of it given by files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from pedidos_cli.audit import audit_run
from pedidos_common.adapters.mongo import client as mongo
from pedidos_common.adapters.redis import client as cache
from pedidos_common.domain.errors import Unavailable
from tests.guarded_servers import (
    HOST,
    MONGO_PASSWORD,
    REDIS_PASSWORD,
    USER,
    Guarded,
    guarded_servers,
    issue,
)
from tests.integration.service_process import ServiceProcess, each, environment, patiently, started

SECRETS = ("MONGO_URI", "REDIS_URL")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_servers(tmp_path_factory.mktemp("guarded")) as servers:
        yield servers


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return issue(tmp_path_factory.mktemp("other")).authority


async def ask_mongo(uri: str) -> None:
    mongo.check_address(uri)
    async with mongo.connect(uri, "test") as client:
        await mongo.check_there(mongo.durable(client, "t").client["t"])


async def ask_redis(url: str) -> None:
    cache.check_address(url)
    client = cache.connect(url)
    try:
        await cache.ping(client)
    finally:
        await client.aclose()


async def test_who_has_all_of_it_is_let_in(guarded: Guarded) -> None:
    await ask_mongo(guarded.mongo_uri())
    await ask_redis(guarded.redis_url())


async def test_a_server_whose_certificate_is_not_trusted_is_told_nothing(
    guarded: Guarded, other_authority: Path
) -> None:
    with pytest.raises(Unavailable, match=r"(?i)certificate.verify.failed"):
        await ask_mongo(guarded.mongo_uri(other_authority))
    with pytest.raises(Unavailable, match=r"(?i)certificate.verify.failed"):
        await ask_redis(guarded.redis_url(other_authority))


async def test_a_server_with_a_trusted_certificate_of_another_name_is_told_nothing(
    guarded: Guarded,
) -> None:
    other = "localhost"  # it leads to the same server, whose certificate has the number alone
    with pytest.raises(Unavailable, match=r"(?i)certificate.verify.failed.*mismatch"):
        await ask_mongo(guarded.mongo_uri().replace(HOST, other))
    url = guarded.redis_url().replace(HOST, other)
    with pytest.raises(Unavailable, match=r"(?i)certificate.verify.failed.*mismatch"):
        await ask_redis(url)
    await ask_redis(f"{url}&ssl_check_hostname=false")


async def test_without_tls_there_is_no_answer(guarded: Guarded) -> None:
    with pytest.raises(Unavailable):
        await ask_mongo(
            f"mongodb://{USER}:{quote(MONGO_PASSWORD, safe='')}@{HOST}:{guarded.mongo_port}/"
        )
    with pytest.raises(Unavailable):
        await ask_redis(f"redis://:{quote(REDIS_PASSWORD)}@{HOST}:{guarded.redis_port}/0")


async def test_a_wrong_password_is_refused(guarded: Guarded) -> None:
    with pytest.raises(Exception, match=r"Authentication failed"):
        await ask_mongo(guarded.mongo_uri(password="wrong"))
    with pytest.raises(Unavailable, match=r"(?i)password"):
        await ask_redis(guarded.redis_url(password="wrong"))


@pytest.fixture
def services(guarded: Guarded, tmp_path: Path) -> Iterator[list[ServiceProcess]]:
    """All three, told where the servers are by files alone."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in zip(SECRETS, (guarded.mongo_uri(), guarded.redis_url()), strict=True):
        (secrets / name).write_text(f"{value}\n")
    environ = environment(SECRETS_DIR=str(secrets), GENERATION_CHUNK_SIZE="500")
    with started(tmp_path, {n: v for n, v in environ.items() if n not in SECRETS}) as running:
        each(running, assert_ready)
        yield running


def assert_ready(one: ServiceProcess) -> None:
    one.await_status("/readyz", 200)


@pytest.mark.slow
def test_a_whole_run_goes_over_tls(guarded: Guarded, services: list[ServiceProcess]) -> None:
    orchestrator = services[0]
    address = orchestrator.get("/readyz").request.url.copy_with(path="/pedidos/generate")
    answer = httpx.post(address, params={"quantity": 2_000}, timeout=10.0, trust_env=False)
    assert answer.status_code == 202, answer.text
    patiently(lambda: orchestrator.get("/pedidos").json()["phase"] == "DONE")
    assert audit_run(guarded.mongo_uri(), "pedidos").passed
    for one in services:
        assert not any(
            quote(word, safe="") in one.said() for word in (MONGO_PASSWORD, REDIS_PASSWORD)
        )
