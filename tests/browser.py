"""A real Chromium for tests of the live page; where there is none they are skipped, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "CHROMIUM_PATH"
PATIENCE_MS = 30_000
# a browser writes these of answers and connections that a test provokes
PROVOKED = ("Failed to load resource", "net::ERR_")


def chromium_path(environ: Mapping[str, str]) -> str:
    """Where the browser is; skips the test where there is none."""
    named = environ.get(VARIABLE)
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(f"no Chromium: set {VARIABLE}, or put one of {', '.join(NAMES)} on the PATH")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a window; ended with the block."""
    path = chromium_path(os.environ)
    # root has no sandbox of its own to give
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """A page at `url`, in a context of its own; fails when the page itself had an error."""
    wrong: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(word in message.text for word in PROVOKED):
            wrong.append(message.text)

    with browser.new_context(base_url=url, **options) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/")
        yield page
    assert not wrong, wrong
