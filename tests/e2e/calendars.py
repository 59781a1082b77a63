"""Calendars as staff uses them in the admin, and what the other side does with an event."""

from datetime import datetime
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.stack import Stack

VENDORS = ("Google", "Outlook")


def connect(page: Page, stack: Stack, vendor: str) -> None:
    """Two clicks: one here, one where the vendor asks."""
    page.goto(f"{stack.url}/admin/calendars/account/")
    page.get_by_role("button", name=f"Connect {vendor}").click()
    allow = page.get_by_role("button", name="Allow").or_(page.get_by_role("button", name="Accept"))
    allow.first.click()
    expect(page.get_by_text("is connected")).to_be_visible()
    expect(page.locator("[data-part]")).to_contain_text("up to date")


def fill(page: Page, stack: Stack, title: str, contact: str = "Amelia") -> None:
    page.goto(f"{stack.url}/admin/calendars/appointment/add/")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Place").fill("Larkspur Barn")
    page.locator("#id_couple ~ .select2 input").first.click()
    page.keyboard.type(contact)
    page.locator(".select2-results__option", has_text=contact).first.click()
    page.locator(".ws-offer").first.wait_for()


def choose(page: Page, day: int, slot: int) -> None:
    """Of the free times."""
    page.locator(".ws-offer-day").nth(day).locator(".ws-offer").nth(slot).click()


def book(page: Page) -> None:
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator(".ws-details")).to_contain_text("in the calendar")


def event(stack: Stack, title: str, vendor: str = "google") -> Any:
    """As it stands in the vendor's calendar."""
    calendars = stack.sandbox("GET", f"/{vendor}/calendars")["calendars"]
    return next(event for each in calendars for event in each["events"] if event["title"] == title)


def move(stack: Stack, title: str, start: datetime, vendor: str = "google") -> None:
    """Its owner moves it, over there."""
    there = event(stack, title, vendor)
    stack.sandbox("PATCH", f"/{vendor}/events/{there['id']}", {"start": f"{start:%FT%T}"})


def answer(stack: Stack, title: str, email: str, said: str, vendor: str = "google") -> None:
    there = event(stack, title, vendor)
    body = {"email": email, "answer": said}
    stack.sandbox("POST", f"/{vendor}/events/{there['id']}/answers", body)


def tell(stack: Stack) -> None:
    """What waits to be told, now and at this hour, and again."""
    stack.python(
        "from datetime import time\n"
        "from django.utils import timezone\n"
        "from calendars.notifications.send import send_due_notifications\n"
        "from calendars.models import Notice, Rule\n"
        "Rule.objects.update(quiet_from=time(0), quiet_until=time(0))\n"
        "Notice.objects.filter(tell_after__isnull=False).update(tell_after=timezone.now())\n"
        "send_due_notifications()\n"
        "send_due_notifications()",
    )
