"""The API's description: problems and the API key on every route, no default error shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pedidos_orchestrator.api.models_status import Problem
from pedidos_orchestrator.http.security import HEADER, OPEN_PATHS, is_open
from pedidos_orchestrator.problems import problems

DESCRIPTION = """\
Orders arrive (generated or imported), all VIP ones are processed, then all NORMAL ones.
Start a run, watch it, list its orders, send dead letters again.

Errors are problem details (RFC 9457, `application/problem+json`). Times are ISO 8601 UTC with
milliseconds, durations milliseconds, amounts texts with two decimals. The status is also pushed
over the WebSocket `/pedidos/ws`.
"""
TAGS = [
    {"name": "checkout", "description": "Orders placed live, and what became of them."},
    {"name": "runs", "description": "Start, cancel, reset, resume; history and exports."},
    {"name": "status", "description": "Where the current run stands, pulled or pushed."},
    {"name": "imports", "description": "Real orders from CSV or NDJSON."},
    {"name": "orders", "description": "Orders and their state."},
    {"name": "dead letters", "description": "What used up its retries."},
    {"name": "queue", "description": "The state of all queues together, and their jobs."},
    {"name": "queues", "description": "Each queue's health, policy, state and dead letters."},
    {"name": "operations", "description": "Health and logs."},
    {"name": "customers", "description": "What a customer may ask for."},
    {"name": "probes", "description": "Probes and metrics, open to everyone."},
]
SECURITY_SCHEME = "apiKey"


def describe(app: FastAPI, max_orders: int, *, has_keys: bool) -> dict[str, Any]:
    """The OpenAPI document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components["securitySchemes"] = {
        SECURITY_SCHEME: {"type": "apiKey", "in": "header", "name": HEADER}
    }
    for method, path, operation in _operations(document):
        is_for_all = is_open({"type": "http", "path": path, "method": method.upper()})
        _complete(path, operation, max_orders, has_keys and not is_for_all)
        if is_for_all:
            operation["security"] = []
        if method == "post":  # the bound on bodies is before every route
            operation["responses"].update({"413": problems(413)[413]})
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _complete(path: str, operation: dict[str, Any], max_orders: int, has_keys: bool) -> None:
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]  # a path parameter that is malformed is 404 here
    if path in OPEN_PATHS:
        return
    extra = problems(401, 403, 429, 500) if has_keys else problems(403, 500)
    responses.update({str(status): shape for status, shape in extra.items()})
    if has_keys:
        operation["security"] = [{SECURITY_SCHEME: []}]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "quantity":
            parameter["schema"]["maximum"] = max_orders
