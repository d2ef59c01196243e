"""The status as a stream: server-sent events, and a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.live import BroadcastEnded, Mailbox, StatusBroadcast
from pedidos_orchestrator.http.security import refuse
from pedidos_orchestrator.problems import ProblemError, problems

SEND_SECONDS = 30.0
RECONNECT_MS = 2_000
GOING_AWAY = 1001
EVENT_STREAM = "text/event-stream"
EVENTS = {EVENT_STREAM: {"schema": {"type": "string"}}}

router = APIRouter(prefix="/pedidos", tags=["status"])


class StatusStream(StreamingResponse):
    """Watches the broadcast as long as the client is there, and not a moment longer."""

    media_type = EVENT_STREAM

    def __init__(self, broadcast: StatusBroadcast, heartbeat_seconds: float) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(iter(()), headers=headers)
        self._broadcast = broadcast
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send states until the client goes, stops reading, or the process shuts down."""

        async def send_in_time(message: Message) -> None:
            await asyncio.wait_for(send(message), SEND_SECONDS)

        with self._broadcast.watch() as mailbox, suppress(TimeoutError):
            self.body_iterator = frames(mailbox, self._heartbeat_seconds)
            await super().__call__(scope, receive, send_in_time)


async def frames(mailbox: Mailbox, heartbeat_seconds: float) -> AsyncIterator[bytes]:
    """The stream's text: a state when there is one, a comment when there is none for long."""
    yield format_sse_event(retry=RECONNECT_MS)
    while True:
        try:
            state = await mailbox.take(heartbeat_seconds)
        except BroadcastEnded:
            return
        if state is None:
            yield KEEPALIVE_COMMENT
        else:
            yield format_sse_event(data_str=state.decode(), event="status")


@router.get(
    "/stream",
    summary="Status as server-sent events",
    response_class=StreamingResponse,
    responses=problems(503) | {200: {"description": "the stream", "content": EVENTS}},
)
async def stream(api: Context) -> StatusStream:
    """`event: status` with the status as data: the present one first, then every change."""
    return StatusStream(api.broadcast, api.settings.heartbeat_seconds)


@router.websocket("/ws")
async def websocket(socket: WebSocket, api: Context) -> None:
    """The same objects as text messages; what the client sends is ignored."""
    try:
        with api.broadcast.watch() as mailbox:
            await socket.accept()
            push = _push(socket, mailbox, api.settings.heartbeat_seconds)
            await _first_to_end(push, _until_gone(socket))
    except ProblemError as problem:
        await refuse(problem, socket.scope, socket.receive, socket.send)


async def _push(socket: WebSocket, mailbox: Mailbox, heartbeat_seconds: float) -> None:
    while True:
        try:
            state = await mailbox.take(heartbeat_seconds)
        except BroadcastEnded:
            await socket.close(GOING_AWAY, "the service shuts down")
            return
        if state is not None:  # the server itself pings
            await asyncio.wait_for(socket.send_text(state.decode()), SEND_SECONDS)


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


async def _first_to_end(*parts: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        # the client may be gone at any moment, which is how a stream usually ends
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError, asyncio.CancelledError):
            await asyncio.gather(*tasks)
