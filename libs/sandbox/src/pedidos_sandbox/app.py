"""The sandbox as an application of HTTP."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pedidos_sandbox.answers import Answer, Refused
from pedidos_sandbox.api import control, messages, payments
from pedidos_sandbox.sandbox import Sandbox

LARGEST_BODY_BYTES = 64 * 1024
TOO_LARGE = Refused(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_large",
    f"a body may have {LARGEST_BODY_BYTES} bytes, and has to say its length",
)


def create_app(sandbox: Sandbox) -> FastAPI:
    """The application that plays that sandbox."""
    app = FastAPI(title="Pedidos sandbox", version="1", redirect_slashes=False)
    app.state.sandbox = sandbox
    for router in (payments.router, messages.router, control.router):
        app.include_router(router)
    app.add_api_route("/healthz", _healthz, methods=["GET"], tags=["health"])
    app.exception_handler(Refused)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http_error)
    app.add_middleware(BoundedBodies)
    return app


async def _healthz() -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")


async def _refused(_: Request, refused: Refused) -> Response:
    return _response(refused.answer())


async def _invalid(_: Request, invalid: RequestValidationError) -> Response:
    first = invalid.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    refused = Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"{where}: {first['msg']}"
    )
    return _response(refused.answer())


async def _http_error(_: Request, error: HTTPException) -> Response:
    code = HTTPStatus(error.status_code).name.lower()
    return _response(Refused(error.status_code, code, str(error.detail)).answer())


class BoundedBodies:
    """Refuses a body that is too large, or that does not say how large it is, unread."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and _is_too_large(dict(scope["headers"])):
            await _response(TOO_LARGE.answer())(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_too_large(headers: dict[bytes, bytes]) -> bool:
    if b"transfer-encoding" in headers:
        return True
    length = headers.get(b"content-length", b"0")
    return not length.isdigit() or int(length) > LARGEST_BODY_BYTES
