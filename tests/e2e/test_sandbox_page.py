"""The sandbox's page: calendars and contacts of both vendors, as the other side."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

VENDORS = ("Google", "Outlook")


@pytest.fixture
def sandbox_page(stack: Stack, browser: Browser) -> Iterator[Page]:
    problems: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    context.on("weberror", lambda error: problems.append(str(error.error)))
    page = context.new_page()
    page.goto(stack.sandbox_url)
    yield page
    context.close()
    assert problems == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_event_is_made_answered_moved_and_cancelled(sandbox_page: Page, vendor: str) -> None:
    page = sandbox_page
    page.get_by_role("link", name="Calendars").click()
    page.locator(".week-head", has_text=vendor).get_by_role("button", name="New event").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill(f"Rehearsal by {vendor}")
    dialog.get_by_label("Guests").fill("ada@example.com, noah@example.com")
    dialog.get_by_role("button", name="Add").click()
    slot = page.locator(".slot:not(.cancelled)", has_text=f"Rehearsal by {vendor}")

    slot.click()
    answers = dialog.get_by_role("group", name="Answer of ada@example.com")
    answers.get_by_role("button", name="Decline").click()
    expect(slot.locator(".guest.declined")).to_contain_text("ada@example.com")
    dialog.get_by_label("From").fill(dialog.get_by_label("From").input_value()[:10] + "T08:15")
    dialog.get_by_role("button", name="Save").click()
    expect(slot).to_contain_text("08:15–11:00")

    slot.click()
    dialog.get_by_label("All day").check()
    dialog.get_by_role("button", name="Save").click()
    expect(slot).to_contain_text("All day")
    slot.click()
    dialog.get_by_role("button", name="Cancel the event").click()
    expect(slot).to_have_count(0)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_contact_is_made_changed_and_deleted(sandbox_page: Page, vendor: str) -> None:
    page = sandbox_page
    page.get_by_role("link", name="Contacts").click()
    page.get_by_role("group", name="Whose contacts").get_by_role("button", name=vendor).click()
    page.get_by_role("button", name="New contact").click()
    page.get_by_label("Given name").fill("Tess")
    page.get_by_label("Family name").fill(f"of {vendor}")
    page.get_by_label("E-mail").fill("tess@example.com\ntess@work.example")
    page.get_by_role("button", name="Add", exact=True).click()
    row = page.locator(".row", has_text=f"Tess of {vendor}")
    expect(row).to_contain_text("tess@example.com")

    page.get_by_label("Company").fill("Blooms")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Blooms")
    page.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def test_two_contacts_of_google_become_one(sandbox_page: Page, stack: Stack) -> None:
    for name in ("Merle Stay", "Merle Go"):
        address = f"{name.split()[1].lower()}@example.com"
        stack.sandbox("POST", "/google/people", {"name": name, "emails": [address]})
    page = sandbox_page
    page.get_by_role("link", name="Contacts").click()
    page.locator(".row", has_text="Merle Stay").click()
    page.get_by_label("Merge with").select_option(label="Merle Go go@example.com")
    page.get_by_role("button", name="Merge into this one").click()

    expect(page.locator(".row", has_text="Merle Go")).to_have_count(0)
    expect(page.get_by_label("E-mail")).to_have_value("stay@example.com\ngo@example.com")
