"""The states of one checkout until it is decided, whatever becomes of the API meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from pedidos_cli.client import ApiClient, Json
from pedidos_cli.errors import CliError
from pedidos_cli.follow import passing

QUIET_SECONDS = 60.0
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 1.0
OVER = frozenset({"completed", "failed"})


def status_path(job_id: str) -> str:
    """Where the API tells how that checkout stands."""
    return f"/api/orders/status/{quote(job_id, safe='')}"


def is_final(state: Json) -> bool:
    """Whether it is decided, and its money is not on its way back any more."""
    return state.get("status") in OVER and state.get("money") != "pending"


async def until_final(client: ApiClient, job_id: str, note: Callable[[str], None]) -> Json:
    """Notes each message on the way once; the state that is final.

    A stream that ends before is opened anew, while the API answers within `PATIENCE_SECONDS`.

    Raises:
        Unreachable: when it does not; the message has the last state.
        CliError: when the API refuses, as for an id that it does not know (any more).
    """
    following = _Following(client, job_id, note)
    while not is_final(following.latest):
        await following.pushed()
        if not is_final(following.latest):
            await following.asked()
        if not is_final(following.latest):
            await asyncio.sleep(POLL_SECONDS)
    return following.latest


@dataclass(slots=True)
class _Following:
    client: ApiClient
    job_id: str
    note: Callable[[str], None]
    latest: Json = field(default_factory=dict)
    told: str = ""
    heard_at: float = field(default_factory=time.monotonic)

    async def pushed(self) -> None:
        """Sees what the stream sends until it ends, breaks, is refused or falls silent."""
        # Refused or broken: asking for the state, which comes next, has the better message.
        with contextlib.suppress(CliError):
            path = f"{status_path(self.job_id)}/stream"
            async with self.client.stream(path, quiet_seconds=QUIET_SECONDS) as response:
                async for line in response.aiter_lines():
                    self.heard_at = time.monotonic()
                    if line.startswith("data:"):
                        self._see(json.loads(line.removeprefix("data:")))

    async def asked(self) -> None:
        """Sees what the API answers, or waits on where it may answer a moment later."""
        try:
            self._see(await self.client.get(status_path(self.job_id)))
        except CliError as error:
            if not passing(error):
                raise
            if time.monotonic() - self.heard_at > PATIENCE_SECONDS:
                raise CliError(self._left(error), error.status, error.details) from None
            self._tell(f"{error.message.partition('. ')[0]}: trying again")
        else:
            self.heard_at = time.monotonic()

    def _see(self, state: Json) -> None:
        if "status" not in state:  # the stream of a checkout that is gone
            return
        self.latest = state
        self._tell(f"{state['progress']:3d} %  {state['message']}")

    def _tell(self, message: str) -> None:
        if message != self.told:
            self.told = message
            self.note(message)

    def _left(self, error: CliError) -> str:
        known = self.latest.get("status", "accepted")
        return (
            f"{error.message}. {self.job_id} was {known} when it was last seen; "
            f"`pedidos checkout watch {self.job_id}` goes on"
        )
