"""The live page while 250,000 orders go through: seen at every width and in both schemes.

`PAGE_PICTURES=folder` keeps what was seen there (`make page-pictures` writes the documentation's).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import VIEWS, assert_accessible, assert_fits, chromium, opened
from tests.e2e import handlers
from tests.e2e.stack import Stack, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
VARIABLE = "PAGE_PICTURES"
QUANTITY = 250_000
SHARE_SEEN = 0.4
COLOURS = 256
# two workers of 6 batches at a time, 100 of their orders at once: the run takes half a minute
SLOWED = {
    **handlers.SLOWED,
    "ORDER_HANDLER_CONCURRENCY": "100",
    "ORDERS_QUEUE_CONCURRENCY": "6",
    "ORDERS_BATCH_SIZE": "500",
    "GENERATION_CHUNK_SIZE": "10000",
    "NORMAL_ENQUEUE_BATCH_SIZE": "10000",
}
SECONDS_AN_ORDER = 0.15


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def mode(tmp_path: Path) -> Path:
    return tmp_path / "mode.json"


@pytest.fixture
def slowed(tmp_path: Path, mode: Path) -> Iterator[Stack]:
    handlers.switch(mode, "failing")
    with running_stack(tmp_path / "stack", {**SLOWED, handlers.VARIABLE: str(mode)}) as started:
        yield started


def picture(page: Page, name: str) -> None:
    """Keep what is seen, in few colours so that it is small."""
    if folder := os.environ.get(VARIABLE):
        seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
        seen.save(Path(folder) / f"live-page-{name}.png", optimize=True)


def normal_share(stack: Stack) -> float:
    """How much of the NORMAL orders is processed."""
    status = stack.get("/pedidos")
    total = status["counts"]["normal"]
    return float(status["processing"]["normal"]["count"] / total) if total else 0.0


def test_a_large_run_is_seen_well_in_every_view(
    browser: Browser, slowed: Stack, mode: Path
) -> None:
    slowed.start(800, seed=3)  # eight of them become dead letters
    slowed.await_phase("DONE")
    handlers.switch(mode, "plain", SECONDS_AN_ORDER)
    url = str(slowed.http.base_url)
    with ExitStack() as stack:
        pages = {
            name: stack.enter_context(opened(browser, url, **options))
            for name, options in VIEWS.items()
        }
        slowed.start(QUANTITY, seed=7)
        until(lambda: normal_share(slowed) > SHARE_SEEN, 120)
        for page in pages.values():
            expect(page.locator("#phase")).to_have_text("WAITING_NORMAL_DRAIN")
            expect(page.locator("#eta-more")).to_contain_text("ends about")
            expect(page.locator("#chart-figure")).to_be_visible()
        for name, page in pages.items():
            picture(page, name)
        for page in pages.values():
            assert_fits(page)
            assert_accessible(page)
        handlers.switch(mode, "plain")
        for page in pages.values():
            expect(page.locator("#run")).to_have_attribute("data-phase", "DONE", timeout=120_000)
            expect(page.locator("#final")).to_have_text(f"{QUANTITY:,}")
