"""What the live page does with a key, with texts from outside, and with little room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.orders import Order, OrderFailure, Tier
from pedidos_common.domain.runs import Run
from pedidos_common.testing.in_memory_orders import PlainChunk
from tests.browser import chromium, opened
from tests.integration.page_world import PageWorld, page_world
from tests.unit.api.world import World

KEY = "correct horse ã"
MARKUP = '<img src=x onerror="document.title=1">'
BACKWARDS = "Ana \u202eanA\x07"
SHOWN = "Ana \\u202eanA\\u0007"
HELD_BY_PAGE = "() => JSON.stringify([{...localStorage}, document.cookie, location.href])"
STREAMS = """async () => {
  const { EventParser } = await import("/page/sse.js");
  const status = "event: status\\ndata: {\\ndata: 1}\\n\\n";
  const text = `retry: 700\\r\\n\\r\\n${status}: ping\\n\\ndata: x\\r\\r`;
  return [1, 2, 3, 7, 100].map((size) => {
    const seen = [];
    const parser = new EventParser({
      onEvent: (name, data) => seen.push(`${name}=${data}`),
      onRetry: (ms) => seen.push(ms),
    });
    for (let at = 0; at < text.length; at += size) parser.push(text.slice(at, at + size));
    parser.push("\\n");
    return seen.join("|");
  });
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def served_world() -> Iterator[PageWorld]:
    with page_world(heartbeat_seconds=15.0) as found:
        yield found


async def dead_orders(world: World, cliente: str, error: str, count: int = 1) -> Run:
    """A run whose only orders are dead, with these texts."""
    async with world.client_of(world.app()) as client:
        run = await world.started(client, count)
    ids = await world.with_orders(run, [Tier.OURO] * count)
    records = [await world.orders.get(one) for one in ids]
    await world.orders.delete(OrderRange(run.id, 1, count))
    chosen: list[Order] = [replace(one.order, cliente=cliente) for one in records if one]
    await world.orders.insert_chunk(
        PlainChunk(OrderRange(run.id, 1, count), chosen), redelivered=False
    )
    failures = [OrderFailure(one, error, final=True) for one in ids]
    await world.orders.mark_failures(failures, world.clock())
    return run


def live(page: Page) -> None:
    expect(page.locator("#link-text")).to_have_text("Live")


def test_the_key_is_asked_for_and_kept_in_the_tab_only(browser: Browser) -> None:
    with page_world(api_key=KEY) as guarded, opened(browser, guarded.url) as page:
        dialog = page.get_by_role("dialog", name="API key")
        expect(dialog).to_be_visible()
        field = dialog.get_by_label("Key")
        field.fill("wrong")
        field.press("Enter")
        expect(dialog).to_be_visible()
        expect(page.locator("#link-text")).to_have_text("An API key is needed")
        field.fill(KEY)
        field.press("Enter")
        live(page)
        expect(page.locator("#health")).to_have_text("healthy")
        assert "correct" not in page.evaluate(HELD_BY_PAGE)
        page.reload()
        live(page)
        page.get_by_role("button", name="API key").click()
        page.get_by_role("button", name="Forget it").click()
        expect(page.locator("#link-text")).to_have_text("An API key is needed")


def test_texts_from_outside_are_shown_and_never_obeyed(
    browser: Browser, served_world: PageWorld
) -> None:
    served_world.do(dead_orders(served_world.world, BACKWARDS, MARKUP))
    with opened(browser, served_world.url) as page:
        row = page.locator("#dead tr")
        expect(row).to_contain_text(MARKUP)
        expect(row).to_contain_text(SHOWN)
        assert page.locator("#dead img").count() == 0


def test_lists_are_bounded_and_go_on_by_pages(browser: Browser, served_world: PageWorld) -> None:
    served_world.do(dead_orders(served_world.world, "Ana", "no such address", 45))
    with opened(browser, served_world.url) as page:
        rows = page.locator("#dead tr")
        for expected in (20, 20, 5):
            expect(rows).to_have_count(expected)
            if expected == 20:
                last = rows.last.get_by_role("checkbox").get_attribute("aria-label")
                page.get_by_role("button", name="Next page").click()
                expect(page.get_by_role("checkbox", name=str(last))).to_have_count(0)
        expect(page.get_by_role("button", name="Next page")).to_be_disabled()
        page.get_by_role("button", name="First page").click()
        expect(rows).to_have_count(20)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_small_phone(
    browser: Browser, served_world: PageWorld, scheme: str
) -> None:
    served_world.do(dead_orders(served_world.world, "A" * 120, "x" * 400))
    phone: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    with opened(browser, served_world.url, **phone) as page:
        expect(page.locator("#dead tr")).to_have_count(1)
        expect(page.locator("#history tr")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="Reset …").click()
        box = page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


def test_the_keyboard_is_enough(browser: Browser, served_world: PageWorld) -> None:
    with opened(browser, served_world.url) as page:
        live(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the run")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        start = page.get_by_role("button", name="Start a run …")
        expect(start).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog", name="Start a run")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(start).to_be_focused()
        page.keyboard.press("Enter")
        page.get_by_label("Orders", exact=True).fill("99999999")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("a whole number from 1 to 1500000")


def test_events_are_read_however_the_stream_is_cut(
    browser: Browser, served_world: PageWorld
) -> None:
    with opened(browser, served_world.url) as page:
        expected = "700|status={\n1}|message=x"
        assert page.evaluate(STREAMS) == [expected] * 5
