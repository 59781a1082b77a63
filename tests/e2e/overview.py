"""The overview as a person sees it."""

import re

from playwright.sync_api import Locator, Page, expect


def row(page: Page, subject: str, *, to: str = "") -> Locator:
    found = page.locator("#rows > li").filter(has_text=subject)
    return found.filter(has_text=to) if to else found


def expect_status(page: Page, subject: str, status: str, *, to: str = "") -> None:
    # "Delivered" is what it says; the class of the badge says "delivered" to the style sheet.
    badge = row(page, subject, to=to).locator(".badge")
    expect(badge).to_have_text(re.compile(status, re.IGNORECASE))


def add_recipient(page: Page, name: str) -> None:
    page.locator("#recipient").fill(name)
    option = page.locator("#suggestions [role=option]").filter(has_text=name)
    expect(option).to_be_visible()
    page.locator("#recipient").press("Enter")
    expect(page.locator("#chips .chip").filter(has_text=name)).to_be_visible()


def write(page: Page, recipients: list[str], subject: str, text: str = "Hello.") -> None:
    """Fills in the form; typed addresses have an @, the others are contacts."""
    page.locator("#write").click()
    for recipient in recipients:
        if "@" in recipient:
            page.locator("#recipient").fill(recipient)
            page.locator("#recipient").press("Enter")
        else:
            add_recipient(page, recipient)
    page.locator("#subject").fill(subject)
    page.locator("#body").fill(text)


def state(page: Page) -> list[list[str]]:
    """What the list says, without the times."""
    found: list[list[str]] = page.locator("#rows > li").evaluate_all(
        """items => items.map(item => [
            item.dataset.id,
            item.querySelector(".row-name").textContent,
            item.querySelector(".badge").textContent,
            [...item.querySelectorAll(".marks [title]")].map(mark => mark.title).join(),
        ])""",
    )
    return found
