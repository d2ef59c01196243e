"""`/control`: what shall go wrong, and what has happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import Response

from pedidos_sandbox.answers import Answer
from pedidos_sandbox.calls import TheSandbox, check_control
from pedidos_sandbox.faults import FaultOrder, Mode, Operation
from pedidos_sandbox.sandbox import Sandbox
from pedidos_sandbox.settings import checked_url

router = APIRouter(prefix="/control", dependencies=[Depends(check_control)], tags=["control"])
After = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=1000)]


class NewFault(BaseModel):
    """What shall go wrong; see `FaultOrder`."""

    model_config = ConfigDict(extra="forbid")

    operation: Operation
    mode: Mode
    seconds: float | None = Field(None, ge=0.0, le=600.0)
    status: int | None = Field(None, ge=400, le=599)
    times: int | None = Field(None, ge=1, le=1_000_000)
    share: float = Field(1.0, ge=0.0, le=1.0)


class NewSettings(BaseModel):
    """What a reset takes back: only what is given is changed."""

    model_config = ConfigDict(extra="forbid")

    webhook_url: str | None = None
    action_seconds: float | None = Field(None, ge=0.0, le=3_600.0)

    @field_validator("webhook_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        return None if url is None else checked_url(url)


class Part(StrEnum):
    """What of the ledger to look at."""

    PAYMENTS = "payments"
    MESSAGES = "messages"
    MAIL = "mail"
    WEBHOOKS = "webhooks"
    KEYS = "keys"


class _Audited(Protocol):
    def audited(self) -> dict[str, Any]: ...


Paged = Callable[[int, int], tuple[Sequence[_Audited], str | None]]


@router.post("/faults", status_code=HTTPStatus.CREATED)
async def add_fault(new: NewFault, sandbox: TheSandbox) -> Response:
    """From now on this goes wrong."""
    fault = sandbox.faults.add(FaultOrder(**dict(new)))
    return _json(Answer.of(fault.shown(), HTTPStatus.CREATED))


@router.get("/faults")
async def faults(sandbox: TheSandbox) -> Response:
    """What goes wrong at present, and how often it has happened."""
    return _json(Answer.of({"data": [fault.shown() for fault in sandbox.faults.all()]}))


@router.delete("/faults", status_code=HTTPStatus.NO_CONTENT)
async def end_faults(sandbox: TheSandbox) -> None:
    """Nothing goes wrong any more."""
    sandbox.faults.end()


@router.post("/settings", status_code=HTTPStatus.NO_CONTENT)
async def change_settings(new: NewSettings, sandbox: TheSandbox) -> None:
    """Until the next reset."""
    if "webhook_url" in new.model_fields_set:
        sandbox.webhooks.url = new.webhook_url
    if new.action_seconds is not None:
        sandbox.provider.action_seconds = new.action_seconds


@router.post("/reset", status_code=HTTPStatus.NO_CONTENT)
async def reset(sandbox: TheSandbox) -> None:
    """Forget everything: the ledger, the keys, the faults."""
    sandbox.reset()


@router.get("/ledger")
async def summary(sandbox: TheSandbox) -> Response:
    """How much of everything there is."""
    return _json(Answer.of(sandbox.summary()))


@router.get("/ledger/{part}")
async def ledger(part: Part, sandbox: TheSandbox, after: After = 0, limit: Limit = 100) -> Response:
    """One page of everything that happened, oldest first."""
    found, more = _paged(sandbox, part)(after, limit)
    return _json(Answer.of({"data": [entry.audited() for entry in found], "next": more}))


def _paged(sandbox: Sandbox, part: Part) -> Paged:
    pages: dict[Part, Paged] = {
        Part.PAYMENTS: sandbox.provider.page,
        Part.MESSAGES: sandbox.messages.page,
        Part.MAIL: sandbox.mailbox.page,
        Part.WEBHOOKS: sandbox.webhooks.page,
        Part.KEYS: sandbox.keys.page,
    }
    return pages[part]


def _json(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")
