"""The sandbox of payment provider, SMS provider and mailbox, as a process of its own for tests.

Use the fixture `sandbox`: its ledger is empty, and nothing goes wrong until it is told to.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import httpx

from tests.servers import die_with_parent, stop_process

START_SECONDS = 30.0
API_KEY = "sandbox-key-of-tests"
WEBHOOK_SECRET = "whsec_c2FuZGJveC1zZWNyZXQtb2YtdGVzdHM="
# a customer confirms a payment of tok_action so soon in tests
ACTION_SECONDS = 0.2
PAGE = 500

Operation = Literal["authorise", "capture", "void", "refund", "lookup", "sms", "mail", "webhook"]
Mode = Literal["slow", "fail", "timeout_after", "drop", "twice", "late", "never", "out_of_order"]
Part = Literal["payments", "messages", "mail", "webhooks", "keys"]


@dataclass(frozen=True)
class Event:
    """Something that happened to a payment; `key` is None where the sandbox did it by itself."""

    event: str
    status: str
    key: str | None


@dataclass(frozen=True)
class Charge:
    """A payment at the provider, with all that happened to it; `amount` is in minor units."""

    id: str
    reference: str
    amount: int
    currency: str
    method: str
    status: str
    decline_code: str | None
    history: Sequence[Event]

    @property
    def was_captured(self) -> bool:
        """Whether money was ever taken."""
        return any(one.event == "capture" for one in self.history)


@dataclass(frozen=True)
class Sms:
    """A text message that the provider sent."""

    id: str
    to: str
    text: str
    reference: str
    key: str


@dataclass(frozen=True)
class Mail:
    """A mail that came; header names are in small letters."""

    id: str
    sender: str
    recipients: Sequence[str]
    subject: str
    message_id: str
    headers: Mapping[str, str]
    text: str | None
    html: str | None


@dataclass(frozen=True)
class Told:
    """A webhook: `statuses` is what each attempt was answered, None where nothing came."""

    id: str
    type: str
    payment: str
    state: str
    statuses: Sequence[int | None]


@dataclass(frozen=True)
class Key:
    """An idempotency key: what was answered, and how often it was answered again."""

    key: str
    fingerprint: str
    status: int | None
    replays: int


@dataclass
class Sandbox:
    """A running sandbox: where it is, what to tell it, and what it has seen.

    `provider` is a client of the provider's API that knows the key.
    """

    url: str
    smtp_url: str
    process: subprocess.Popen[bytes]
    api_key: str = API_KEY
    webhook_secret: str = WEBHOOK_SECRET
    control: httpx.Client = field(init=False)
    provider: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.control = httpx.Client(base_url=self.url, timeout=30.0, trust_env=False)
        authorization = {"authorization": f"Bearer {self.api_key}"}
        self.provider = httpx.Client(
            base_url=self.url, timeout=30.0, trust_env=False, headers=authorization
        )

    def environ(self) -> dict[str, str]:
        """The settings with which a service uses it."""
        return {
            "PAYMENT_URL": self.url,
            "PAYMENT_API_KEY": self.api_key,
            "PAYMENT_WEBHOOK_SECRET": self.webhook_secret,
            "SMS_URL": self.url,
            "SMS_API_KEY": self.api_key,
            "SMTP_URL": self.smtp_url,
            "MAIL_FROM": "shop@example.com",
        }

    # --- what to do

    def fault(
        self,
        operation: Operation,
        mode: Mode,
        *,
        seconds: float | None = None,
        status: int | None = None,
        times: int | None = None,
        share: float = 1.0,
    ) -> None:
        """From now on this goes wrong: so often at most, in that share of the cases."""
        self._post(
            "/control/faults",
            operation=operation,
            mode=mode,
            seconds=seconds,
            status=status,
            times=times,
            share=share,
        )

    def end_faults(self) -> None:
        """Nothing goes wrong any more."""
        self.control.delete("/control/faults").raise_for_status()

    def happened(self) -> int:
        """How often faults that are on have happened."""
        faults = self._get("/control/faults")["data"]
        return sum(int(fault["happened"]) for fault in faults)

    def send_webhooks_to(self, url: str | None) -> None:
        """Until the next reset; None tells nobody."""
        self._post("/control/settings", webhook_url=url)

    def confirm_after(self, seconds: float) -> None:
        """So late a customer confirms a payment of `tok_action`, until the next reset."""
        self._post("/control/settings", action_seconds=seconds)

    def reset(self) -> None:
        """An empty ledger, no faults, no webhooks."""
        self._post("/control/reset")

    # --- what has happened

    def summary(self) -> dict[str, Any]:
        """How much of everything there is."""
        return self._get("/control/ledger")

    def payments(self) -> list[Charge]:
        """Every payment, oldest first."""
        return [_charge(entry) for entry in self._ledger("payments")]

    def messages(self) -> list[Sms]:
        """Every text message, oldest first."""
        return [
            Sms(one["id"], one["to"], one["text"], one["reference"], one["idempotency_key"])
            for one in self._ledger("messages")
        ]

    def mails(self) -> list[Mail]:
        """Every mail, oldest first."""
        return [
            Mail(sender=one.pop("from"), recipients=one.pop("to"), **_without(one, "at"))
            for one in self._ledger("mail")
        ]

    def webhooks(self) -> list[Told]:
        """Every webhook, oldest first."""
        return [
            Told(
                one["id"],
                one["type"],
                one["payment"],
                one["state"],
                [delivery["status"] for delivery in one["deliveries"]],
            )
            for one in self._ledger("webhooks")
        ]

    def keys(self) -> dict[str, Key]:
        """Every idempotency key that was used."""
        return {
            one["key"]: Key(one["key"], one["fingerprint"], one["status"], one["replays"])
            for one in self._ledger("keys")
        }

    def close(self) -> None:
        """Let go of its connections."""
        self.control.close()
        self.provider.close()

    def _ledger(self, part: Part) -> Iterator[dict[str, Any]]:
        after: str | None = "0"
        while after is not None:
            page = self._get(f"/control/ledger/{part}?after={after}&limit={PAGE}")
            yield from page["data"]
            after = page["next"]

    def _get(self, path: str) -> dict[str, Any]:
        answer = self.control.get(path)
        assert answer.is_success, answer.text
        return cast("dict[str, Any]", answer.json())

    def _post(self, path: str, **body: Any) -> None:
        answer = self.control.post(path, json=body)
        assert answer.is_success, answer.text


def _charge(entry: Mapping[str, Any]) -> Charge:
    history = [
        Event(one["event"], one["status"], one["idempotency_key"]) for one in entry["history"]
    ]
    return Charge(
        id=entry["id"],
        reference=entry["reference"],
        amount=entry["amount"],
        currency=entry["currency"],
        method=entry["method"],
        status=entry["status"],
        decline_code=entry.get("decline_code"),
        history=history,
    )


def _without(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != name}


@contextlib.contextmanager
def running_sandbox(folder: Path, **own: str) -> Iterator[Sandbox]:
    """A sandbox on free ports while the context lasts; `own` are further settings of it."""
    port_file, log = folder / "sandbox.ports", folder / "sandbox.log"
    settings = {
        "SANDBOX_PORT": "0",
        "SANDBOX_SMTP_PORT": "0",
        "SANDBOX_PORT_FILE": str(port_file),
        "SANDBOX_API_KEY": API_KEY,
        "SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "SANDBOX_ACTION_SECONDS": str(ACTION_SECONDS),
        **own,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pedidos_sandbox"],
            env={**_surroundings(), **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
    try:
        ports = _await_ports(process, port_file, log)
        started = Sandbox(
            f"http://127.0.0.1:{ports['http']}", f"smtp://127.0.0.1:{ports['smtp']}", process
        )
        with contextlib.closing(started):
            yield started
    finally:
        stop_process(process)


def _surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}


def _await_ports(process: subprocess.Popen[bytes], port_file: Path, log: Path) -> dict[str, int]:
    deadline = time.monotonic() + START_SECONDS
    while not port_file.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"no sandbox within {START_SECONDS} s"
        time.sleep(0.02)
    return cast("dict[str, int]", json.loads(port_file.read_text()))
