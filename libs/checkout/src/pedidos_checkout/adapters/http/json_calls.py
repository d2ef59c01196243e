"""Calls of a provider's HTTP API: JSON both ways, bounded, its errors in our own terms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from pedidos_checkout.adapters.people import without_people
from pedidos_checkout.ports import (
    ProviderBusy,
    ProviderLimited,
    ProviderRefused,
    ProviderUnavailable,
)
from pedidos_common.runtime.redaction import HIDDEN, redact

LONGEST_ANSWER_BYTES = 2 * 1024 * 1024
LONGEST_REASON = 300
IN_PROGRESS, IN_PROGRESS_SECONDS = "in_progress", 1.0
LEAST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 3_600.0
# A key that is refused says nothing of what was asked: it waits until the key is right. The other
# 4xx are final where they name the provider's own reason.
TRY_AGAIN = frozenset({401, 403, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call; `settings` ends messages: which variables to look at."""

    provider: str
    url: str
    api_key: str
    settings: str


class JsonCalls:
    """One provider's API, over connections that are kept. Whoever makes it closes it."""

    def __init__(
        self,
        target: Target,
        timeout_seconds: float,
        connections: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._target = target
        self._client = httpx.AsyncClient(
            base_url=target.url.rstrip("/") + "/",
            headers={
                "authorization": f"Bearer {target.api_key}",
                "accept": "application/json",
                "accept-encoding": "identity",  # so that its length is what is bounded
            },
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=timeout_seconds,
            transport=transport,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def get(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        """Look something up; raises as `post` does."""
        return await self._call(operation, self._client.build_request("GET", path, params=params))

    async def post(
        self, operation: str, path: str, key: str, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Have something done, once for each `key`.

        Raises:
            ProviderRefused: on an answer that is final.
            ProviderLimited: when it asks for fewer calls, and says for how long.
            ProviderBusy: while the same call is under way there.
            ProviderUnavailable: when no answer came, or one that says nothing.
        """
        headers = {"idempotency-key": key}
        return await self._call(
            operation, self._client.build_request("POST", path, json=dict(body), headers=headers)
        )

    async def _call(self, operation: str, request: httpx.Request) -> Mapping[str, Any]:
        try:
            answer = await self._client.send(request, stream=True)
            try:
                body = await self._read(operation, answer)
            finally:
                await answer.aclose()
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise self._unavailable(operation, reason) from error
        document = _document(body)
        if not answer.is_success:
            raise self._error(operation, answer, document)
        if document is None:
            raise self._unavailable(operation, "its answer is no JSON object")
        return document

    async def _read(self, operation: str, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > LONGEST_ANSWER_BYTES:
                too_long = f"its answer is longer than {LONGEST_ANSWER_BYTES} bytes"
                raise self._unavailable(operation, too_long)
        return bytes(body)

    def _error(
        self, operation: str, answer: httpx.Response, document: Mapping[str, Any] | None
    ) -> Exception:
        status, provider = answer.status_code, self._target.provider
        code, message = self._told(status, document)
        if status == httpx.codes.CONFLICT and code == IN_PROGRESS:
            return ProviderBusy(provider, IN_PROGRESS_SECONDS, operation)
        pause = _pause_seconds(answer) if status == httpx.codes.TOO_MANY_REQUESTS else None
        if pause is not None:
            return ProviderLimited(provider, pause)
        if status in TRY_AGAIN or not 400 <= status < 500 or not _is_its_own(document):
            return self._unavailable(operation, f"{status}: {message}")
        return ProviderRefused(provider, code, f"{operation}: {message}")

    def _told(self, status: int, document: Mapping[str, Any] | None) -> tuple[str, str]:
        """Its own code and words, cut short, without a key or a person that they repeat."""
        error = (document or {}).get("error")
        told = error if isinstance(error, Mapping) else {}
        code, message = (str(told.get(name) or f"http_{status}") for name in ("code", "message"))
        return self._shown(code)[:60], self._shown(message)[:LONGEST_REASON]

    def _shown(self, text: str) -> str:
        return without_people(redact(text.replace(self._target.api_key, HIDDEN)))

    def _unavailable(self, operation: str, reason: str) -> ProviderUnavailable:
        shown = f"{self._shown(reason)[:LONGEST_REASON]}; {self._target.settings}"
        return ProviderUnavailable(self._target.provider, operation, shown)


def _is_its_own(document: Mapping[str, Any] | None) -> bool:
    """Whether the provider said no itself, and nobody that stands before it or at its address."""
    error = (document or {}).get("error")
    return isinstance(error, Mapping) and bool(error.get("code"))


def _document(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(body)
    except ValueError:  # not JSON, or not even text
        return None
    return document if isinstance(document, dict) else None


def _pause_seconds(answer: httpx.Response) -> float | None:
    """What `Retry-After` says, within reason; None where it says nothing."""
    told = answer.headers.get("retry-after", "")
    seconds: float | None = None
    if told.isdecimal() and len(told) < 10:
        seconds = float(told)
    elif told:
        seconds = _until(told, answer.headers.get("date", ""))
    if seconds is None:
        return None
    return min(max(seconds, LEAST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


def _until(told: str, sent: str) -> float | None:
    """Seconds from one date to the other, both by the provider's clock."""
    try:
        return (parsedate_to_datetime(told) - parsedate_to_datetime(sent)).total_seconds()
    except (ValueError, TypeError):
        return None
