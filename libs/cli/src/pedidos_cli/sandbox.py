"""The sandbox of a stack: other people's servers, played on this machine.

Its secrets are made once for a folder and lie in `sandbox.json`, which only its owner can read.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pedidos_cli.data_folder import DataFolder
from pedidos_cli.free_ports import LOOPBACK, free_port
from pedidos_cli.processes import Launch, ProcessSpec
from pedidos_cli.services import command_of, probe
from pedidos_cli.stack_file import write_whole

ROLE = "sandbox"
FILE_NAME = "sandbox.json"
WEBHOOK_PATH = "/api/webhooks/payments"
MAIL_FROM = "pedidos@example.com"
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SandboxPlace:
    """Where the sandbox answers, and what it shares with the services."""

    url: str
    smtp_url: str
    api_key: str
    webhook_secret: str

    def for_services(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The settings by which services use it; who mail is from may be said by `environ`."""
        return {
            "PAYMENT_URL": self.url,
            "PAYMENT_API_KEY": self.api_key,
            "PAYMENT_WEBHOOK_SECRET": self.webhook_secret,
            "SMS_URL": self.url,
            "SMS_API_KEY": self.api_key,
            "SMTP_URL": self.smtp_url,
            "MAIL_FROM": environ.get("MAIL_FROM") or MAIL_FROM,
        }

    def own(self, api: str) -> dict[str, str]:
        """The settings of the sandbox itself, which tells `api` about payments."""
        return {
            "SANDBOX_HOST": LOOPBACK,
            "SANDBOX_PORT": str(_port(self.url)),
            "SANDBOX_SMTP_PORT": str(_port(self.smtp_url)),
            "SANDBOX_PORT_FILE": "",
            "SANDBOX_API_KEY": self.api_key,
            "SANDBOX_WEBHOOK_URL": f"{api}{WEBHOOK_PATH}",
            "SANDBOX_WEBHOOK_SECRET": self.webhook_secret,
            "PYTHONUNBUFFERED": "1",
        }


def place_of(folder: Path) -> SandboxPlace | None:
    """The sandbox that the stack of this folder has or had; None where there never was one."""
    try:
        return SandboxPlace(**json.loads((folder / FILE_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def plan_sandbox(folder: DataFolder, taken: Iterable[int]) -> SandboxPlace:
    """On the folder's former ports if they are free, else on others; with its former secrets.

    It is noted in the folder's `sandbox.json`.
    """
    before = place_of(folder.root)
    others = list(taken)
    for address in (before.url, before.smtp_url) if before else ("", ""):
        others.append(free_port(others, _port(address)))
    http_port, smtp_port = others[-2:]
    place = SandboxPlace(
        f"http://{LOOPBACK}:{http_port}",
        f"smtp://{LOOPBACK}:{smtp_port}",
        before.api_key if before else secrets.token_urlsafe(32),
        before.webhook_secret if before else _webhook_secret(),
    )
    write_whole(folder.root / FILE_NAME, asdict(place))
    return place


def sandbox_spec(
    place: SandboxPlace, environ: Mapping[str, str], api: str, log: Path
) -> ProcessSpec:
    """The process that plays them; settings of `environ` (`SANDBOX_SEED` …) are passed on."""
    launch = Launch(
        command_of(ROLE), {**environ, **place.own(api)}, probe(_port(place.url), "/healthz")
    )
    return ProcessSpec(ROLE, 0, log, lambda: launch, STOP_SECONDS)


def _port(address: str) -> int:
    try:
        return urlsplit(address).port or 0
    except ValueError:
        return 0


def _webhook_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
