"""Sends webhooks over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from pedidos_sandbox.webhooks import AT_ONCE, Post

TIMEOUT_SECONDS = 10.0
LONGEST_ANSWER_BYTES = 64 * 1024


@asynccontextmanager
async def posting() -> AsyncIterator[Post]:
    """What posts, over connections that are kept, while the context lasts.

    It raises TimeoutError where an answer takes too long, another OSError where none comes.
    """
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    # a proxy of the environment has no way to this machine's own loopback
    async with httpx.AsyncClient(limits=limits, timeout=TIMEOUT_SECONDS, trust_env=False) as client:

        async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    return await _posted(client, url, body, headers)
            except (TimeoutError, httpx.TimeoutException):
                raise TimeoutError(f"no answer within {TIMEOUT_SECONDS:.0f} s") from None
            except (httpx.HTTPError, httpx.InvalidURL) as wrong:
                raise OSError(str(wrong) or type(wrong).__name__) from wrong

        yield post


async def _posted(
    client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]
) -> int:
    async with client.stream("POST", url, content=body, headers=headers) as answer:
        read = 0
        # read to its end, the connection is kept; a longer answer costs it
        async for piece in answer.aiter_raw():
            read += len(piece)
            if read > LONGEST_ANSWER_BYTES:
                break
        return answer.status_code
