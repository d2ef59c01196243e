"""The page of the API's description: whole without any other site, and bound to its own files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from pedidos_orchestrator.api import docs
from pedidos_orchestrator.http.security_headers import policy_of
from tests.unit.api.world import Client, World

ADDRESSES = re.compile(r'(?:src|href)="([^"]*)"')
ELEMENTS_WITH_CODE = re.compile(r"<script(?![^>]* src=)|<style|\son\w+=|style=")


@pytest.fixture
async def guarded(world: World) -> AsyncIterator[Client]:
    async with world.client_of(world.app(api_key="correct horse")) as client:
        yield client


async def test_all_that_it_loads_is_there_without_a_key(guarded: Client) -> None:
    page = await guarded.get("/docs")
    addresses = ADDRESSES.findall(page.text)
    assert len(addresses) >= 5
    for address in addresses:
        assert not address.startswith(("/", "http")), "a proxy may put a prefix before it"
        found = await guarded.get(f"/{address}")
        assert found.status_code == 200, address
        assert found.content
    assert "SwaggerUIBundle" in (await guarded.get("/docs/swagger-ui-bundle.js")).text


async def test_it_holds_no_code_that_its_policy_forbids(guarded: Client) -> None:
    page = await guarded.get("/docs")
    assert not ELEMENTS_WITH_CODE.search(page.text)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/docs", "/docs/start.js", "/pedidos"])
def test_no_policy_lets_code_of_elsewhere_in(path: str) -> None:
    policy = policy_of(path)
    assert policy.startswith("default-src 'none'; ")
    for opening in ("unsafe", "http", "*", "data: ", "blob:"):
        assert opening not in policy


@pytest.mark.parametrize("name", ["__init__.py", "..%2fmain.py", "other.js"])
async def test_no_other_file_of_the_package_is_given(client: Client, name: str) -> None:
    assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_large_files_go_out_in_pieces(world: World) -> None:
    """What is handed to the server at once waits in memory for clients that do not read."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    path = "/docs/swagger-ui-bundle.js"
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    await world.app()(scope, receive, send)
    sizes = [len(message.get("body", b"")) for message in sent[1:]]
    assert max(sizes) <= docs.PIECE_BYTES
    assert dict(sent[0]["headers"])[b"content-length"] == str(sum(sizes)).encode()
