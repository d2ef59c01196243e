"""What the live page does with a key, with texts from outside, and with little room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Band, Failed, NewJob, Succeeded
from pedidos_common.domain.orders import Order, OrderFailure, Tier
from pedidos_common.domain.queues import CHECKOUT_QUEUES, DEFAULTS
from pedidos_common.domain.runs import Run
from pedidos_common.testing.in_memory_orders import PlainChunk
from tests.browser import PROVOKED, VIEWS, assert_accessible, assert_fits, chromium, opened
from tests.integration.page_world import PageWorld, page_world
from tests.unit.api.world import World

KEY = "correct horse ã"
MARKUP = '<img src=x onerror="document.title=1">'
BACKWARDS = "Ana \u202eanA\x07"
SHOWN = "Ana \\u202eanA\\u0007"
HELD_BY_PAGE = "() => JSON.stringify([{...localStorage}, document.cookie, location.href])"
QUICK_VIEWS = {"phone-dark"}
ALL_VIEWS = [
    pytest.param(view, marks=[] if view in QUICK_VIEWS else pytest.mark.slow) for view in VIEWS
]
# once it is answered, what the page sent before it has come here
LATER_REQUEST = "fetch('/healthz').then((answer) => answer.status)"
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


async def checkout_jobs(world: World) -> None:
    """Work of checkout that waits, was done, and failed; nobody serves it."""
    for queue in CHECKOUT_QUEUES:
        names = [f"co_{queue}:{n}" for n in range(3)]
        await world.ledger.create([NewJob(name, "f", queue, Band.HIGH, {}) for name in names])
        await world.ledger.settle(await world.claimed(names[1]), Succeeded())
        await world.ledger.settle(await world.claimed(names[2]), Failed("x"))
    await world.queue_state.write_queue(CHECKOUT_QUEUES[-1], "paused")


def live(page: Page) -> None:
    expect(page.locator("#link-text")).to_have_text("Live")


def test_the_key_is_asked_for_and_kept_in_the_tab_only(browser: Browser) -> None:
    with (
        page_world(api_key=KEY) as guarded,
        opened(browser, guarded.url, provoked=PROVOKED) as page,
    ):
        dialog = page.get_by_role("dialog", name="API key")
        expect(dialog).to_be_visible()
        field = dialog.get_by_label("Key")
        field.fill("wrong")
        field.press("Enter")
        expect(dialog).to_be_visible()
        expect(page.locator("#link-text")).to_have_text("Key needed")
        field.fill(KEY)
        field.press("Enter")
        live(page)
        expect(page.locator("#health")).to_have_text("healthy")
        assert "correct" not in page.evaluate(HELD_BY_PAGE)
        page.reload()
        live(page)
        page.get_by_role("button", name="API key").click()
        page.get_by_role("button", name="Forget it").click()
        expect(page.locator("#link-text")).to_have_text("Key needed")


def test_texts_from_outside_are_shown_and_never_obeyed(
    browser: Browser, served_world: PageWorld
) -> None:
    served_world.do(dead_orders(served_world.world, BACKWARDS, MARKUP))
    with opened(browser, served_world.url) as page:
        row = page.locator("#dead tr")
        expect(row).to_contain_text(MARKUP)
        expect(row).to_contain_text(SHOWN)
        assert page.locator("#dead img").count() == 0
        expect(page.locator("#queues tr")).to_have_count(len(DEFAULTS))
        expect(page.locator("#queues-card")).to_be_hidden()


@pytest.mark.slow
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


@pytest.mark.parametrize("view", ALL_VIEWS)
def test_every_view_fits_and_can_be_read_by_all(
    browser: Browser, served_world: PageWorld, view: str
) -> None:
    """At desktop and phone width, light and dark: no overflow, no error, nothing for axe-core."""
    served_world.do(dead_orders(served_world.world, "A" * 120, "x" * 400))
    served_world.do(checkout_jobs(served_world.world))
    # a button on its way from one colour to another has the contrast of neither
    with opened(browser, served_world.url, reduced_motion="reduce", **VIEWS[view]) as page:
        live(page)
        expect(page.locator("#dead tr")).to_have_count(1 + len(CHECKOUT_QUEUES))
        expect(page.locator("#queues tr")).to_have_count(len(DEFAULTS))
        expect(page.locator("#queues-reasons li")).to_have_count(len(CHECKOUT_QUEUES) - 1)
        expect(page.locator("#history tr")).to_have_count(1)
        expect(page.get_by_text("Not read yet.").filter(visible=True)).to_have_count(0)
        assert_fits(page)
        assert_accessible(page)
        page.get_by_role("button", name="Reset …").click()
        assert_accessible(page)
        page.set_viewport_size({"width": 320, "height": 640})
        assert_fits(page)
        box = page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320


@pytest.mark.slow
def test_nothing_moves_for_who_wants_that(browser: Browser, served_world: PageWorld) -> None:
    served_world.do(dead_orders(served_world.world, "Ana", "no such address"))
    for wish, expected in (("no-preference", True), ("reduce", False)):
        with opened(browser, served_world.url, reduced_motion=wish) as page:
            live(page)
            expect(page.locator("[aria-current=step]")).to_have_count(1)
            assert page.evaluate("document.getAnimations().length > 0") is expected


def use_key(page: Page, key: str) -> None:
    """Give a key, in the dialog that may be open already."""
    field = page.get_by_label("Key", exact=True)
    if not field.is_visible():
        page.get_by_role("button", name="API key").click()
    field.fill(key)
    field.press("Enter")


def problem(route: Route, status: int, slug: str, detail: str, **headers: str) -> None:
    """Answer in the API's place."""
    body = {"type": f"/problems/{slug}", "detail": detail, "status": status}
    route.fulfill(status=status, json=body, headers=headers)


@pytest.mark.slow
def test_a_key_that_may_only_read_is_told_so(browser: Browser, served_world: PageWorld) -> None:
    words = "the key board may only read, and POST changes something"
    with opened(browser, served_world.url, provoked=PROVOKED) as page:
        live(page)
        page.route("**/pedidos/generate*", lambda r: problem(r, 403, "scope-too-small", words))
        page.get_by_role("button", name="Start a run …").click()
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_role("alert")).to_have_text(
            "The key board may only read, and POST changes something."
        )
        expect(page.locator("#link-text")).to_have_text("Live, read only")
        page.get_by_role("button", name="Use another key …").click()
        expect(page.get_by_role("dialog", name="API key")).to_be_visible()
        use_key(page, "another")
        live(page)


@pytest.mark.slow
def test_who_asks_too_often_is_told_and_waits(browser: Browser, served_world: PageWorld) -> None:
    words = "the key board sends more requests a second than API_RATE_LIMIT allows"
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        problem(route, 429, "rate-limited", words, **{"retry-after": "60"})

    with opened(browser, served_world.url, provoked=PROVOKED) as page:
        page.clock.install()
        page.route("**/pedidos/dead*", refuse)
        page.reload()
        banner = page.locator("#stale")
        expect(banner).to_contain_text(f"Not up to date: dead letters ({words})")
        for wait_ms, expected in ((30_000, 1), (40_000, 2)):
            page.clock.run_for(wait_ms)
            page.evaluate(LATER_REQUEST)
            assert len(asked) == expected
        page.unroute("**/pedidos/dead*")
        page.reload()
        live(page)
        expect(banner).to_be_hidden()


@pytest.mark.slow
def test_what_is_shown_is_dated_while_the_server_is_gone(
    browser: Browser, served_world: PageWorld
) -> None:
    with opened(browser, served_world.url, provoked=PROVOKED) as page:
        live(page)
        page.route("**/pedidos/**", lambda route: route.abort())
        use_key(page, "whatever")  # which begins anew, and so finds nothing
        banner = page.locator("#stale")
        expect(page.locator("#link-text")).to_contain_text("Offline, again in")
        expect(banner).to_contain_text("the orchestrator does not answer")
        expect(banner).to_contain_text("What you see is of")
        page.unroute("**/pedidos/**")
        live(page)
        expect(banner).to_be_hidden()


def test_the_keyboard_is_enough(browser: Browser, served_world: PageWorld) -> None:
    with opened(browser, served_world.url, provoked=PROVOKED) as page:
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
