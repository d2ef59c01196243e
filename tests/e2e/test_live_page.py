"""The live page in a real Chromium, on a live stack: what an operator does all day."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import PROVOKED, chromium, opened
from tests.e2e.conftest import Switch
from tests.e2e.stack import Stack, until

SLOW = 0.2
NOTE_LINKS = """() => {
  window.links = [];
  const link = document.getElementById("link");
  const observer = new MutationObserver(() => window.links.push(link.dataset.kind));
  observer.observe(link, { attributes: true });
}"""
LIVE = re.compile("^Live$")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, shop: Stack) -> Iterator[Page]:
    """The page of the stack with the switchable handler, connected."""
    with opened(browser, str(shop.http.base_url), provoked=PROVOKED) as found:
        expect(found.locator("#link-text")).to_have_text(LIVE)
        yield found


def press(page: Page, name: str) -> None:
    """Press the one button that is called so."""
    page.get_by_role("button", name=name, exact=True).click()


def dead_rows(page: Page, number: int) -> None:
    """Wait until so many dead letters are listed."""
    expect(page.locator("#dead tr")).to_have_count(number)


def test_a_run_is_started_and_watched_to_its_end(shop: Stack, page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("No run yet")
    press(page, "Start a run …")
    page.get_by_label("Orders", exact=True).fill("4000")
    page.get_by_label("Seed").fill("7")
    press(page, "Start")
    expect(page.locator("#notices")).to_contain_text("4,000 orders, seed 7")
    expect(page.locator("#run")).to_have_attribute("data-phase", "DONE")
    status = shop.get("/pedidos")
    expect(page.get_by_role("heading", level=1)).to_have_text("Every order is final")
    expect(page.locator("#run-id")).to_have_text(f"Run {status['lastRunId']}")
    expect(page.locator("#percent")).to_have_text("100 %")
    expect(page.locator("#final")).to_have_text("4,000")
    expect(page.locator("#run-words")).to_contain_text("4,000 orders, seed 7, started at")
    for lane in ("vip", "normal"):
        done = f"{status['counts'][lane]:,}"
        expect(page.locator("#lanes")).to_contain_text(f"{done} of {done}")
    steps = page.locator("#timeline li")
    expect(page.locator("#timeline li[data-state=done]")).to_have_count(6)
    expect(steps.nth(4).locator(".span")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d · \d"))
    expect(page.locator("#history tr")).to_have_count(1)
    expect(page.locator("#history .pill")).to_have_text("DONE")
    expect(page.locator("#workers tr")).not_to_have_count(0)
    expect(page.locator("#logs")).to_contain_text("run")


def test_a_run_is_cancelled_once_it_was_confirmed(shop: Stack, switch: Switch, page: Page) -> None:
    switch(seconds=SLOW)
    run_id = shop.start(6_000)
    expect(page.locator("[aria-current=step]")).to_have_count(1)
    press(page, "Cancel run …")
    press(page, "Keep running")
    assert shop.phase() != "ABORTED"
    press(page, "Cancel run …")
    press(page, "Cancel the run")
    expect(page.locator("#run")).to_have_attribute("data-phase", "ABORTED")
    expect(page.locator("#notices")).to_contain_text(f"run {run_id} is cancelled")
    expect(page.locator("#timeline li").last).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Start a run …")).to_be_enabled()
    assert shop.phase() == "ABORTED"
    assert shop.database.orders.count_documents({"status": "pendente"}) == 0


def test_dead_letters_are_sent_again(shop: Stack, switch: Switch, page: Page) -> None:
    switch("failing")
    run_id = shop.start(400)
    shop.await_phase("DONE")
    expect(page.locator("#failed")).to_have_text("4")
    dead_rows(page, 4)
    expect(page.locator("#dead")).to_contain_text("order 50 is not deliverable")
    switch()
    page.locator("#dead").get_by_role("checkbox").first.check()
    press(page, "Send selected again")
    expect(page.locator("#notices")).to_contain_text("1 processed, 0 failed again")
    dead_rows(page, 3)
    press(page, "Send all again …")
    press(page, "Send all again")
    dead_rows(page, 0)
    expect(page.locator("#dead-empty")).to_be_visible()
    assert shop.database.orders.count_documents({"status": "falhou"}) == 0
    shop.assert_audited(run_id)


@pytest.mark.slow
def test_a_pause_is_seen_and_ended_and_a_reset_needs_its_word(shop: Stack, page: Page) -> None:
    press(page, "Pause …")
    press(page, "Pause")
    expect(page.locator("#held")).to_contain_text("The queue is paused")
    press(page, "Resume")
    expect(page.locator("#held")).to_be_hidden()
    assert shop.get("/pedidos/queue/status")["state"] == "running"
    shop.start(200)
    expect(page.locator("#run")).to_have_attribute("data-phase", "DONE")
    press(page, "Reset …")
    press(page, "Delete all")
    expect(page.get_by_role("alert")).to_contain_text("Type the word reset")
    assert shop.phase() == "DONE"
    page.get_by_label("Type reset to confirm").fill("reset")
    press(page, "Delete all")
    expect(page.get_by_role("heading", level=1)).to_have_text("No run yet")
    until(lambda: shop.database.orders.count_documents({}) == 0)


@pytest.mark.slow
def test_two_runs_are_compared(shop: Stack, page: Page) -> None:
    for quantity in (300, 600):
        shop.start(quantity)
        shop.await_phase("DONE")
    boxes = page.locator("#history").get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    for number in range(2):
        boxes.nth(number).check()
    press(page, "Compare these two")
    orders = page.locator("#differences tr").filter(has_text=re.compile("^Orders300"))
    expect(orders).to_contain_text("600")
    expect(orders).to_contain_text("2.00")


@pytest.mark.slow
def test_a_lost_connection_is_told_and_comes_back(shop: Stack, page: Page) -> None:
    page.evaluate(NOTE_LINKS)
    shop.kill("orchestrator")
    page.wait_for_function("window.links.includes('waiting')")
    expect(page.locator("#link-text")).to_have_text(LIVE)
    shop.start(200)
    expect(page.locator("#run")).to_have_attribute("data-phase", "DONE")
