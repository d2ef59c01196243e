"""Checkouts on the live page: followed live, listed by customer, and told of when they can't be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from pedidos_checkout.domain.steps import Step
from tests.browser import PROVOKED, VIEWS, assert_accessible, assert_fits, chromium, opened
from tests.integration.page_shop import PROVIDER, complete, confirm, end, fail, place
from tests.integration.page_world import PageWorld, page_world

MARKUP = '<img src=x onerror="document.title=1"> \u202ecup'
SHOWN = '2 \xd7 <img src=x onerror="document.title=1"> \\u202ecup'
UNKNOWN = "co_nobodyhasthis"
ALL_VIEWS = [
    pytest.param(view, marks=[] if view == "phone-dark" else pytest.mark.slow) for view in VIEWS
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def served() -> Iterator[PageWorld]:
    """A world in which checkout is set up."""
    with page_world(payment_url=PROVIDER, heartbeat_seconds=15.0) as found:
        yield found


def ask_for(page: Page, text: str) -> None:
    """Ask to follow a checkout."""
    page.get_by_label("Checkout (id or tracking URL)").fill(text)
    page.get_by_label("Checkout (id or tracking URL)").press("Enter")


def list_orders(page: Page, customer: str) -> None:
    page.get_by_label("Customer (id)").fill(customer)
    page.get_by_label("Customer (id)").press("Enter")


def step(page: Page, name: str, state: str) -> None:
    """Wait until the step stands so."""
    row = page.locator("#steps tr").filter(has=page.get_by_role("rowheader", name=name, exact=True))
    expect(row.locator(".pill")).to_have_text(state)


def asked_about_checkouts(page: Page) -> list[str]:
    """Fills with each request about checkouts from now on."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/" in request.url and "/api/queues" not in request.url:
            asked.append(request.url)

    page.on("request", note)
    return asked


@pytest.mark.parametrize("view", ALL_VIEWS)
def test_a_checkout_is_followed_to_its_end(browser: Browser, served: PageWorld, view: str) -> None:
    """Also what comes behind the end is seen; in each view all can read it."""
    checkout = served.do(place(served.world, name=MARKUP))
    with opened(browser, served.url, reduced_motion="reduce", **VIEWS[view]) as page:
        ask_for(page, f"https://shop.example/api/orders/status/{checkout.id}")
        expect(page.locator("#checkout-state")).to_have_text("queued")
        step(page, "payment", "queued")
        step(page, "capture", "to come")
        order = served.do(complete(served.world, checkout))
        expect(page.locator("#checkout-state")).to_have_text("completed")
        expect(page.locator("#checkout-title")).to_have_text("The order is confirmed.")
        expect(page.locator("#checkout-items")).to_have_text(SHOWN)
        expect(page.locator("#checkout-facts")).to_contain_text(f"{order.number}")
        expect(page.locator("#checkout-facts")).to_contain_text("24.60 EUR")
        step(page, "capture", "done")
        step(page, "confirmation", "queued")
        served.do(end(served.world, checkout, Step.CONFIRMATION))
        step(page, "confirmation", "done")
        list_orders(page, "c-1")
        expect(page.locator("#placed-orders tr")).to_have_count(1)
        assert page.locator("#checkout img").count() == 0
        assert_fits(page)
        assert_accessible(page)
        page.set_viewport_size({"width": 320, "height": 640})
        assert_fits(page)


@pytest.mark.slow
def test_what_failed_says_why_and_what_became_of_the_money(
    browser: Browser, served: PageWorld
) -> None:
    checkout = served.do(place(served.world))
    with opened(browser, served.url) as page:
        ask_for(page, checkout.id)
        step(page, "payment", "queued")
        served.do(fail(served.world, checkout))
        expect(page.locator("#checkout-state")).to_have_text("failed")
        expect(page.locator("#checkout-title")).to_have_text("The card was declined.")
        expect(page.locator("#checkout-items")).to_have_text("No money was taken.")
        step(page, "payment", "card declined")
        step(page, "stock", "not reached")
        step(page, "recovery", "queued")
        assert_accessible(page)


@pytest.mark.slow
def test_what_is_followed_stands_in_the_address(browser: Browser, served: PageWorld) -> None:
    first, second = (served.do(place(served.world)) for _ in range(2))
    with opened(browser, served.url) as page:
        page.goto(f"/#checkout={first.id}")
        expect(page.locator("#checkout-id")).to_have_text(first.id)
        expect(page.locator("#checkout-state")).to_have_text("queued")
        ask_for(page, second.id)
        expect(page.locator("#checkout-id")).to_have_text(second.id)
        page.reload()
        expect(page.locator("#checkout-id")).to_have_text(second.id)
        expect(page.locator("#checkout-link")).to_have_text("Live")
        page.get_by_role("button", name="Close", exact=True).click()
        expect(page.locator("#checkout")).to_be_hidden()
        assert "#" not in page.url
        asked = asked_about_checkouts(page)
        page.reload()
        expect(page.get_by_role("button", name="Follow", exact=True)).to_be_visible()
        expect(page.locator("#link-text")).to_have_text("Live")
        expect(page.locator("#checkout")).to_be_hidden()
        assert not asked


@pytest.mark.slow
def test_what_can_not_be_followed_is_told(browser: Browser, served: PageWorld) -> None:
    checkout = served.do(place(served.world))
    error = "#checkout-error"
    with opened(browser, served.url, provoked=PROVOKED) as page:
        ask_for(page, "PD-7K3M-9Q2X")
        expect(page.locator(error)).to_contain_text("which begins with co_")
        ask_for(page, UNKNOWN)
        expect(page.locator(error)).to_contain_text(f"No checkout has the id {UNKNOWN}")
        expect(page.locator("#checkout")).to_be_hidden()
        assert_accessible(page)
        asked = asked_about_checkouts(page)
        page.route("**/api/orders/status/**", lambda route: route.abort())
        ask_for(page, checkout.id)
        expect(page.locator("#checkout-link")).to_contain_text("No live connection")
        expect(page.locator(error)).to_be_hidden()
        page.unroute("**/api/orders/status/**")
        expect(page.locator("#checkout-link")).to_have_text("Live")
        expect(page.locator("#checkout-state")).to_have_text("queued")
        assert all(UNKNOWN not in url for url in asked)  # it was asked for once


@pytest.mark.slow
def test_nothing_is_asked_for_any_more_once_all_is_over(
    browser: Browser, served: PageWorld
) -> None:
    checkout = served.do(place(served.world))
    order = served.do(complete(served.world, checkout))
    for behind in (Step.INVENTORY, Step.CONFIRMATION):
        served.do(end(served.world, checkout, behind))
    with opened(browser, served.url) as page:
        page.clock.install()
        page.reload()
        asked = asked_about_checkouts(page)
        ask_for(page, checkout.id)
        expect(page.locator("#checkout-facts")).to_contain_text(order.number)
        page.clock.run_for(120_000)
        page.evaluate("fetch('/healthz').then((answer) => answer.status)")
        assert [url.rsplit("/", 1)[-1] for url in asked] == ["stream"]


@pytest.mark.slow
def test_a_customers_orders_go_on_by_pages_and_can_be_followed(
    browser: Browser, served: PageWorld
) -> None:
    numbers: list[str] = []
    for _ in range(13):
        numbers.insert(0, served.do(confirmed(served)))
    with opened(browser, served.url, provoked=PROVOKED) as page:
        rows = page.locator("#placed-orders tr")
        list_orders(page, "c-1")
        expect(rows).to_have_count(10)
        expect(rows.first).to_contain_text(numbers[0])
        page.get_by_role("button", name="Older").filter(visible=True).click()
        expect(rows).to_have_count(3)
        expect(rows.last).to_contain_text(numbers[-1])
        rows.last.get_by_role("button", name=f"Follow order {numbers[-1]}").click()
        expect(page.locator("#checkout-title")).to_be_focused()
        expect(page.locator("#checkout-state")).to_have_text("queued")
        page.get_by_role("button", name="Newest").filter(visible=True).click()
        expect(rows).to_have_count(10)
        list_orders(page, "c-9")
        expect(page.locator("#placed-empty")).to_be_visible()
        expect(rows).to_have_count(0)
        list_orders(page, "no such id")
        expect(page.locator("#placed-error")).to_contain_text("The orders were not read")
        list_orders(page, "")
        expect(page.locator("#placed-error")).to_contain_text("Enter the id of a customer")


async def confirmed(served: PageWorld) -> str:
    """The number of an order that was placed after those before it."""
    served.world.clock.advance(1.0)
    return (await confirm(served.world, await place(served.world))).number


@pytest.mark.slow
def test_without_checkout_the_page_says_how_to_get_it(browser: Browser) -> None:
    with page_world() as bare, opened(browser, bare.url) as page:
        asked = asked_about_checkouts(page)
        page.goto(f"/#checkout={UNKNOWN}")
        page.reload()
        expect(page.locator("#checkouts-none")).to_contain_text("PAYMENT_URL")
        expect(page.locator("#checkouts-asks")).to_be_hidden()
        expect(page.locator("#checkout")).to_be_hidden()
        expect(page.locator("#link-text")).to_have_text("Live")
        assert not asked
        assert_fits(page)
        assert_accessible(page)
