"""The HTTP API as the commands see it: JSON in, JSON out, every failure in words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from pedidos_cli.errors import CliError, ExitStatus, Unreachable
from pedidos_cli.target import HOW_TO_START

Json = dict[str, Any]
Params = Mapping[str, str | int | bool | None]
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_STATUS = {
    400: ExitStatus.USAGE,
    401: ExitStatus.USAGE,
    403: ExitStatus.USAGE,
    404: ExitStatus.USAGE,
    409: ExitStatus.CONFLICT,
    413: ExitStatus.USAGE,
    415: ExitStatus.USAGE,
    422: ExitStatus.USAGE,
}
_NOT_NOW = {502, 503, 504}
# the stack answers and is well: what it refuses, it refuses on purpose
_REFUSALS = {
    "overloaded": "",
    "queue-draining": ". `pedidos queues resume` lets it take in again",
    "not-configured": ". docs/providers.md has all settings of providers; for trials "
    "`pedidos up --sandbox` plays them",
}
_CONFLICTS = {
    "run-active": "See it with `pedidos watch`, or end it with `pedidos cancel`",
    "orders-deleted": "`pedidos cancel --no-remove-pending` keeps them",
    "queue-closed": "`pedidos resume` does it",
}


class ApiClient:
    """One connection pool to one API; an asynchronous context.

    Args:
        api: its address.
        api_key: sent as `x-api-key` where there is one.
        transport: replaces the network in tests.
    """

    def __init__(
        self,
        api: str,
        api_key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.api = api
        self._http = httpx.AsyncClient(
            base_url=api,
            headers={"x-api-key": api_key} if api_key else {},
            timeout=TIMEOUT,
            transport=transport,
            # A proxy of the environment has no way to this machine's own loopback.
            trust_env=urlsplit(api).hostname not in _LOOPBACK,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, params: Params | None = None) -> Json:
        """The object at `path`.

        Raises:
            Unreachable: when nothing answers.
            CliError: when the API refuses; the message is the problem's own detail.
        """
        return await self.send("GET", path, params=params)

    async def post(
        self, path: str, params: Params | None = None, body: Mapping[str, Any] | None = None
    ) -> Json:
        """What the API answers to a POST; errors as `get`."""
        return await self.send("POST", path, params=params, json=body)

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        timeout_seconds: float | None = None,
        **request: Any,
    ) -> Json:
        """Any request whose answer is one object; errors as `get`."""
        timeout = httpx.Timeout(timeout_seconds, connect=5.0) if timeout_seconds else TIMEOUT
        with self._failures():
            response = await self._http.request(
                method, path, params=_given(params), timeout=timeout, **request
            )
            await self._check(response)
            answer = response.json()
        if not isinstance(answer, dict):
            raise CliError(f"{self.api}{path} answered something that is no object")
        return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: Params | None = None, *, quiet_seconds: float = 30.0
    ) -> AsyncIterator[httpx.Response]:
        """A response whose body is read as it comes; errors as `get`, also while reading."""
        timeout = httpx.Timeout(quiet_seconds, connect=5.0)
        with self._failures():
            async with self._http.stream(
                "GET", path, params=_given(params), timeout=timeout
            ) as response:
                await self._check(response)
                yield response

    async def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        await response.aread()
        raise problem_error(response)

    @contextlib.contextmanager
    def _failures(self) -> Any:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(
                f"No Pedidos API answers at {self.api} ({_reason(error)}). {HOW_TO_START}"
            ) from None
        except httpx.TimeoutException:
            raise Unreachable(
                f"The API at {self.api} did not answer in time. "
                "`pedidos doctor` looks for the reason"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(
                f"The connection to {self.api} broke ({_reason(error)}). Try again"
            ) from None
        except ValueError:
            raise CliError(
                f"What answers at {self.api} is no Pedidos API: it did not send JSON. "
                "Check --api or PEDIDOS_API"
            ) from None


def problem_error(response: httpx.Response) -> CliError:
    """The API's refusal (RFC 9457 problem) in words, with what to do next."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    said = problem.get("detail") or problem.get("title") or response.reason_phrase
    message = str(said if isinstance(said, str) else problem.get("title") or said)
    text = message.rstrip(".") + _next_step(response.status_code, problem, message)
    details = {"httpStatus": response.status_code, "problem": problem}
    if response.status_code in _NOT_NOW and _slug(problem) in _REFUSALS:
        return CliError(text, ExitStatus.CONFLICT, details)
    if response.status_code in _NOT_NOW:
        return Unreachable(text, details)
    return CliError(text, _STATUS.get(response.status_code, ExitStatus.FAILED), details)


def _next_step(status_code: int, problem: Json, said: str) -> str:
    if _slug(problem) == "scope-too-small":
        return ", with --api-key or API_KEY"
    if status_code in {401, 403}:
        return ". Give the API's key with --api-key or API_KEY"
    if status_code == 500 and problem.get("traceId"):
        return f" {problem['traceId']}: `pedidos logs --level error` shows it"
    if status_code in _NOT_NOW and _slug(problem) in _REFUSALS:
        return _REFUSALS[_slug(problem)]
    if status_code in _NOT_NOW:
        return ". The stack is there but not ready: try again, or ask `pedidos doctor`"
    return _way_out(problem, said) if status_code == 409 else ""


def _way_out(problem: Json, said: str) -> str:
    run_id = problem.get("runId")
    slug = _slug(problem) or "run-active"
    if slug not in _CONFLICTS or (slug == "run-active" and not run_id):
        return ""
    about = f" Active run: {run_id}." if slug == "run-active" and str(run_id) not in said else ""
    return f".{about} {_CONFLICTS[slug]}"


def _slug(problem: Json) -> str:
    return str(problem.get("type") or "").rpartition("/")[2]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _given(params: Params | None) -> dict[str, str | int | bool]:
    return {key: value for key, value in (params or {}).items() if value is not None}
