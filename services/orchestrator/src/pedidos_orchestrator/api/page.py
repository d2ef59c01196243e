"""The live page: a document and its files, which then use the API as any client does."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.page import DOCUMENT, FOLDER, PageFile
from pedidos_orchestrator.problems import ProblemError

# trusted types: no text can become markup, not even by a mistake in the page's own scripts
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    # asked for each time, and answered by 304: a new release is a new page at once
    "cache-control": "no-cache",
    "content-security-policy": CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
METHODS = ["GET", "HEAD"]

# no part of the API: clients have nothing to do with it, so its description leaves it out
router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=METHODS)
async def document(request: Request, api: Context) -> Response:
    """The page itself."""
    return _answer(request, api.page[DOCUMENT])


@router.api_route(FOLDER + "{name}", methods=METHODS)
async def part(request: Request, api: Context, name: str) -> Response:
    """One of the files that the page needs.

    Raises:
        ProblemError: 404, when it has no such file.
    """
    found = api.page.get(name)
    if found is None:
        raise ProblemError(404, "the page has no such file: load it again")
    return _answer(request, found)


def _answer(request: Request, file: PageFile) -> Response:
    headers = {**HEADERS, "etag": file.etag}
    known = request.headers.get("if-none-match", "")
    # a proxy that compresses makes a tag weak
    if file.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.media_type)
