"""The live page: its files, and how they are found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

FOLDER = "/page/"
DOCUMENT = "index.html"
FILES = (
    DOCUMENT,
    "actions.js",
    "api.js",
    "base.css",
    "chart.js",
    "checkout.js",
    "checkouts.js",
    "compare.js",
    "dead.js",
    "dialogs.js",
    "dom.js",
    "figures.js",
    "format.js",
    "history.js",
    "icon.svg",
    "key.js",
    "lane.js",
    "link.js",
    "logs.js",
    "main.js",
    "notices.js",
    "parts.css",
    "placed.js",
    "poll.js",
    "queue.js",
    "queues.js",
    "redrive.js",
    "run.js",
    "speed.js",
    "sse.js",
    "stream.js",
    "timeline.js",
)
MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# What a browser can fetch before it has a key: the files hold nothing of the installation.
PATHS = frozenset({"/", *(f"{FOLDER}{name}" for name in FILES)})


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent; `etag` changes with its content."""

    body: bytes
    media_type: str
    etag: str


def load() -> Mapping[str, PageFile]:
    """Every file of the page by its name, read from the package once.

    Raises:
        FileNotFoundError: when the package was built without one of them.
    """
    return {name: _loaded(name) for name in FILES}


def _loaded(name: str) -> PageFile:
    body = files(__name__).joinpath(name).read_bytes()
    kind = name.rpartition(".")[2]
    return PageFile(body, MEDIA_TYPES[kind], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
