"""`/v1/messages`: text messages."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from pedidos_sandbox.answers import Answer
from pedidos_sandbox.calls import Call, IdempotencyKey, TheSandbox, check_key
from pedidos_sandbox.faults import Operation

router = APIRouter(prefix="/v1/messages", dependencies=[Depends(check_key)], tags=["messages"])


class NewMessage(BaseModel):
    """A text message; `to` is a number as E.164 writes it."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$")
    text: str = Field(min_length=1, max_length=1600)
    reference: str = Field(min_length=1, max_length=200)


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def send(
    new: NewMessage, key: IdempotencyKey, request: Request, sandbox: TheSandbox
) -> Response:
    """Send one."""

    def work() -> Answer:
        message = sandbox.messages.send(new.to, new.text, new.reference, key)
        return Answer.of({"id": message.id, "status": "sent"}, HTTPStatus.ACCEPTED)

    return await Call(request, sandbox, Operation.SMS).once(key, new.model_dump_json(), work)
