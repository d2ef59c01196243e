"""Which exception becomes which problem."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from pedidos_common.domain.errors import (
    InvalidTransition,
    ResetInProgress,
    RunAlreadyActive,
    Unavailable,
)
from pedidos_orchestrator.problems import (
    RETRY_AFTER_SECONDS,
    ProblemError,
    problem_response,
    shortened,
)

MAX_ERRORS = 20
# the request's path, and what it was answered
OnRefused = Callable[[str, ProblemError], None]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

_log = structlog.get_logger()


def install(app: FastAPI, limits: Mapping[str, str], on_refused: OnRefused) -> None:
    """Answer every error as a problem; `limits` says in words what each field may be.

    Its names begin with their place and know lists by `[]`: `query.limit`,
    `body.items[].quantity`. `on_refused` is told of what no route has seen.
    """

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is installed for
        problem = _of_validation(error, limits)
        on_refused(request.url.path, problem)
        return problem_response(request.scope, problem)

    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, _on_error)
    for kind in (ProblemError, RunAlreadyActive, ResetInProgress, InvalidTransition, Unavailable):
        app.add_exception_handler(kind, _on_error)


async def _on_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        error = HTTPException(error.status_code, error.detail, {"allow": _allowed(request)})
    return problem_response(request.scope, problem_of(error))


def _allowed(request: Request) -> str:
    """Methods of all routes of this path; the error knows those of the first one alone."""
    fit = (
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    )
    return ", ".join(dict.fromkeys(fit))


def problem_of(error: Exception) -> ProblemError:
    """The problem that an exception means."""
    match error:
        case ProblemError():
            return error
        case RunAlreadyActive():
            return ProblemError(409, str(error), slug="run-active", runId=error.run_id)
        case ResetInProgress():
            headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
            return ProblemError(409, str(error), slug="reset-active", headers=headers)
        case InvalidTransition():
            return _of_transition(error)
        case Unavailable():
            return _of_absence(error)
        case HTTPException():
            return ProblemError(error.status_code, _words(error), headers=error.headers)
        case _:
            return ProblemError(
                500, "an unexpected error: the log of the service has it under this traceId"
            )


def _of_transition(error: InvalidTransition) -> ProblemError:
    detail = f"{error.trigger} is not possible while the run is {error.state}"
    return ProblemError(409, detail, slug="wrong-phase", phase=str(error.state))


def _of_absence(error: Unavailable) -> ProblemError:
    _log.warning("dependency_unavailable", error=str(error))
    detail = "MongoDB or Redis did not answer in time: try again in a moment, and see /readyz"
    return ProblemError(503, detail, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def _words(error: HTTPException) -> str:
    phrase = HTTPStatus(error.status_code).phrase
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "there is no such route: see /docs"
    return error.detail or phrase


def _of_validation(error: RequestValidationError, limits: Mapping[str, str]) -> ProblemError:
    errors = [_field_error(one, limits) for one in error.errors()[:MAX_ERRORS]]
    detail = "; ".join(f"{one['field']} {one['detail']}" for one in errors)
    return ProblemError(422, detail, errors=errors)


def _field_error(error: Mapping[str, Any], limits: Mapping[str, str]) -> dict[str, str]:
    place, field = str(error["loc"][0]), _path_of(error["loc"][1:])
    told = shortened(field) or place
    if error["type"] == "json_invalid":
        return {"field": "body", "detail": "is not valid JSON"}
    if error["type"] == "extra_forbidden":
        return {"field": told, "detail": "is not known here: leave it out"}
    limit = limits.get(_key(place, field))
    if error["type"] == "missing":
        return {
            "field": told,
            "detail": f"is missing: it must be {limit}" if limit else "is missing",
        }
    if limit is None:
        return {"field": told, "detail": f"is wrong: {error['msg']}"}
    return {"field": told, "detail": f"must be {limit}{_but_was(place, error.get('input'))}"}


def _path_of(parts: Sequence[str | int]) -> str:
    """The way to a field as it is written everywhere: `items[0].quantity`."""
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return "".join(steps).removeprefix(".")


def _key(place: str, field: str) -> str:
    """What the words of a field are found by, whichever of a list it is of."""
    return re.sub(r"\[\d+\]", "[]", f"{place}.{field}").rstrip(".")


def _but_was(place: str, sent: object) -> str:
    # texts of bodies and headers may say who a customer is, or be a card's number
    is_secret = place in {"body", "header"} and not isinstance(sent, int | float)
    return "" if is_secret else f", but was {shortened(repr(sent))}"
