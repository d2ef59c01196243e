"""Tells a running sandbox what to do, and asks it what has happened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from pedidos_cli.client import Json
from pedidos_cli.errors import CliError, ExitStatus, Unreachable
from pedidos_cli.sandbox import place_of
from pedidos_cli.target import checked_address, find_target

TIMEOUT_SECONDS = 30.0
HOW_TO_START = "`pedidos up --sandbox` starts a stack that has one"


def find_sandbox(named: str | None, api: str | None, environ: Mapping[str, str]) -> str:
    """The address named, else that of the sandbox of a stack (`api`, else the last started).

    Raises:
        Unreachable: when the stack has none, or no stack runs on this machine.
        CliError: when the address is none.
    """
    if named:
        return checked_address(named)
    target = find_target(api, None, environ)
    place = place_of(target.data_dir) if target.data_dir else None
    if place is None:
        raise Unreachable(
            f"The stack at {target.api} has no sandbox that is known here. {HOW_TO_START}; "
            "--sandbox names one elsewhere"
        )
    return place.url


class SandboxControl:
    """A client of the sandbox at that address; a context.

    Elsewhere than on loopback it needs the key, as `SANDBOX_API_KEY` has it.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        key = os.environ.get("SANDBOX_API_KEY")
        self._http = httpx.Client(
            base_url=address,
            timeout=TIMEOUT_SECONDS,
            headers={"authorization": f"Bearer {key}"} if key else {},
            # a proxy of the environment has no way to this machine's own loopback
            trust_env=urlsplit(address).hostname not in {"127.0.0.1", "localhost", "::1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Json | None = None, **params: str | int) -> Json:
        """What it answers; empty where there is nothing to say.

        Raises:
            Unreachable: when no sandbox answers there.
            CliError: when it refuses, with what it said.
        """
        try:
            answer = self._http.request(method, path, json=body, params=params)
            said: Any = answer.json() if answer.content else {}
        except httpx.HTTPError as error:
            raise Unreachable(
                f"No sandbox answers at {self._address} ({error}). {HOW_TO_START}"
            ) from None
        except ValueError:
            raise CliError(f"What answers at {self._address} is no sandbox") from None
        if answer.is_error:
            raise _refusal(self._address, answer.status_code, said)
        return dict(said)


def _refusal(address: str, status_code: int, said: Any) -> CliError:
    error = said.get("error") if isinstance(said, dict) else None
    if not isinstance(error, dict):
        return CliError(f"What answers at {address} is no sandbox (status {status_code})")
    message = f"The sandbox refuses: {error.get('message')}"
    return CliError(message, ExitStatus.USAGE, {"httpStatus": status_code, "error": error})
