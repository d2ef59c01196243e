"""The page that describes the API: Swagger UI, from the installed package and no other site."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.http.security import DESCRIPTION_FILES
from pedidos_orchestrator.problems import ProblemError

PACKAGE = "fastapi_swagger.resources"
TYPES = {"css": "text/css", "js": "text/javascript", "png": "image/png"}
METHODS = ["GET", "HEAD"]
# addresses are relative, so that they hold behind a proxy that puts a prefix before them
DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pedidos: the API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body>
<noscript>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does not.</noscript>
<div id="api"></div>
</body>
</html>
"""
# the validator would tell another site where this API is
START = b"""SwaggerUIBundle({
  url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null,
});
"""
OWN: Mapping[str, bytes] = {"start.js": START}
CACHE = {"cache-control": "max-age=3600"}
PIECE_BYTES = 64 * 1024

router = APIRouter(include_in_schema=False)


@router.api_route("/docs", methods=METHODS)
async def document() -> Response:
    """The page itself."""
    return Response(DOCUMENT, media_type="text/html")


@router.api_route("/docs/{name}", methods=METHODS)
async def part(name: str, api: Context) -> Response:
    """One of the files that the page needs.

    Raises:
        ProblemError: 404, when it has no such file.
    """
    body = api.description.get(name)
    if body is None:
        raise ProblemError(404, "the API's page has no such file: see /docs")
    return StreamingResponse(
        _pieces(body),
        headers={**CACHE, "content-length": str(len(body))},
        media_type=TYPES[name.rpartition(".")[2]],
    )


def load() -> Mapping[str, bytes]:
    """Every file of the API's page by its name, read from the package once.

    Raises:
        FileNotFoundError: when the installed package is without one of them.
    """
    return {name: OWN.get(name) or _installed(name) for name in DESCRIPTION_FILES}


def _installed(name: str) -> bytes:
    return files(PACKAGE).joinpath(name).read_bytes()


async def _pieces(body: bytes) -> AsyncIterator[memoryview]:
    """None of it is copied or waits to be sent before the client has taken what came before."""
    whole = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES):
        yield whole[start : start + PIECE_BYTES]
