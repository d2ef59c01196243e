"""A real Chromium for tests of the live page; where there is none they are skipped, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "CHROMIUM_PATH"
MISSING = (
    f"no Chromium, so the live page was not tried: set {VARIABLE}, put one of {', '.join(NAMES)} "
    "on the PATH, or run `.venv/bin/playwright install chromium`"
)
PATIENCE_MS = 30_000
# a machine whose network cards come and go cuts connections on loopback too; the page comes back
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
# a browser writes these of answers and connections that a test provokes
PROVOKED = ("Failed to load resource", "net::ERR_")
# only what a person sees as well: nothing of a policy is broken in silence
NOTE_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`content policy: ${event.violatedDirective} ${event.blockedURI}`))"""
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 1000}}
VIEWS: Mapping[str, Mapping[str, Any]] = {
    f"{name}-{scheme}": {**size, "color_scheme": scheme}
    for name, size in (("desktop", DESKTOP), ("phone", {**PHONE, "is_mobile": True}))
    for scheme in ("light", "dark")
}


def chromium_path(environ: Mapping[str, str], own: str) -> str:
    """Where the browser is, `own` being where Playwright would have its own one.

    Skips the test where there is none.
    """
    named = environ.get(VARIABLE)
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if not found and Path(own).exists():
        found = own
    if not found:
        pytest.skip(MISSING)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a window; ended with the block."""
    # root has no sandbox of its own to give; containers have little shared memory
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        path = chromium_path(os.environ, playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, provoked: Sequence[str] = (), **options: Any
) -> Iterator[Page]:
    """A page at `url`, in a context of its own.

    Fails when the page had an error of its own, broke its content policy, or wrote an error that
    has none of the `provoked` texts in it.
    """
    wrong: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(
            word in message.text for word in (NETWORK_CHANGED, *provoked)
        ):
            wrong.append(message.text)

    with browser.new_context(base_url=url, **options) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(NOTE_VIOLATIONS)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/")
        yield page
    assert not wrong, wrong


def assert_fits(page: Page) -> None:
    """Nothing has to be scrolled sideways."""
    wide, room = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= room, f"{wide} px of content in {room} px"


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing against WCAG 2.2 AA, contrast included, nor its best practices."""
    options = {"runOnly": list(RULES), "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    assert not found, [(one["id"], one["help"], [n["html"] for n in one["nodes"]]) for one in found]
