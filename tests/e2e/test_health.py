"""The health page in a browser: a fault shows by itself, so does its end, and actions work."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.stack import Stack
from tests.e2e.test_access import DANGLING, OVERFLOW, TWICE

pytestmark = pytest.mark.e2e

WITHIN = 15_000
# The rules want a provider to be well for a while before they believe it.
RECOVERED_WITHIN = 75_000
TROUBLE = re.compile("down|degraded")
NAMELESS = """() => [...document.querySelectorAll("#content-main :is(a, button, canvas, meter)")]
    .filter(element => !(element.getAttribute("aria-label") || element.textContent.trim()))
    .map(element => element.outerHTML.slice(0, 120))"""

# What a newer state of a card does: another element in its place.
RENEW = (
    "name => document.querySelector(name).replaceWith(document.querySelector(name).cloneNode(true))"
)


def health(visit: Visit, stack: Stack, **options: Any) -> Page:
    page = visit(**options)
    page.goto(f"{stack.url}/admin/health/")
    expect(page.locator("[data-live]")).to_have_text("Live")
    return page


def status(page: Page, slug: str) -> Locator:
    return page.locator(f"[data-name={slug}]")


def test_a_fault_shows_by_itself_within_fifteen_seconds_and_so_does_its_end(
    visit: Visit,
    stack: Stack,
) -> None:
    page = health(visit, stack)
    resend = status(page, "resend")
    expect(resend).to_have_attribute("data-status", "operational", timeout=WITHIN)
    stack.sandbox("PUT", "/resend/faults", {"status": {"status": 503}})
    began = time.monotonic()
    for number in range(4):
        stack.send(f"guest-{number}@guests.example", f"Through trouble {number}")
    expect(resend).to_have_attribute("data-status", TROUBLE, timeout=WITHIN)
    assert time.monotonic() - began < WITHIN / 1000
    incident = page.locator(".hp-incident").filter(has_text="resend")
    expect(incident).to_contain_text("What you can do")
    expect(page.locator("[data-announce]")).to_contain_text("resend is")
    expect(page.locator("#nav-sidebar-apps .hp-badge")).not_to_have_text("0")
    stack.sandbox("DELETE", "/resend/faults")
    expect(resend).to_have_attribute("data-status", "operational", timeout=RECOVERED_WITHIN)
    expect(incident).to_have_count(0)
    expect(page.locator("[data-part=resolved]")).to_contain_text("resend")


def test_a_provider_is_paused_and_resumed_by_keyboard_after_a_question(
    visit: Visit,
    stack: Stack,
) -> None:
    page = health(visit, stack)
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="Pause twilio", exact=True).focus()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Pause twilio?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Enter")
    dialog.get_by_label("Why").fill("A test of the keyboard.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("twilio is paused.")).to_be_visible()
    card = page.locator("[data-part=provider-twilio]")
    expect(card).to_contain_text("Paused by hand")
    card.get_by_role("link", name="Resume").click()
    dialog.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("twilio is resumed.")).to_be_visible()
    expect(status(page, "twilio")).to_have_attribute("data-status", "operational")


def test_the_page_may_renew_itself_while_a_question_is_open(visit: Visit, stack: Stack) -> None:
    page = health(visit, stack)
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="Pause twilio", exact=True).focus()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Pause twilio?")
    page.evaluate(RENEW, "[data-part=provider-twilio]")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Pause twilio", exact=True)).to_be_focused()


def test_it_says_when_it_is_not_connected_and_comes_back(visit: Visit, stack: Stack) -> None:
    page = health(visit, stack)
    page.context.set_offline(True)
    expect(page.locator("[data-stale]")).to_be_visible()
    expect(page.locator("[data-live]")).to_have_text("Not connected, trying again …")
    page.context.set_offline(False)
    expect(page.locator("[data-live]")).to_have_text("Live", timeout=WITHIN)
    expect(page.locator("[data-stale]")).to_be_hidden()


@pytest.mark.parametrize("path", ["", "provider/resend/"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_everything_has_a_name(
    visit: Visit,
    stack: Stack,
    path: str,
    width: int,
) -> None:
    page = health(visit, stack, width=width)
    page.goto(f"{stack.url}/admin/health/{path}")
    expect(page.locator("[data-live]")).to_have_text("Live")
    assert page.evaluate(OVERFLOW) == 0
    for script in (NAMELESS, DANGLING, TWICE):
        assert page.evaluate(script) == []
