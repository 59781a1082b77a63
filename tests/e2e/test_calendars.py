"""From nothing to an appointment that stays true: connected, booked, moved over there, told."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.e2e import calendars
from tests.e2e.conftest import Visit
from tests.e2e.stack import Stack, eventually

pytestmark = pytest.mark.e2e

TITLE = "Menu tasting at the barn"
AMELIA = "amelia@hart-wedding.example"


def test_booked_here_moved_there_and_the_couple_told_once(stack: Stack, visit: Visit) -> None:
    page = visit()
    for vendor in calendars.VENDORS:
        calendars.connect(page, stack, vendor)

    calendars.fill(page, stack, TITLE)
    calendars.choose(page, day=2, slot=1)
    calendars.book(page)
    there = calendars.event(stack, TITLE)
    assert [attendee["email"] for attendee in there["attendees"]] == [AMELIA]
    invitations = stack.sandbox("GET", f"/google/invitations?to={AMELIA}")
    assert "invitation" in str(invitations)
    calendars.tell(stack)
    eventually(lambda: subjects(stack), "the couple is told of the booking")

    moved = datetime.fromisoformat(there["start"]) + timedelta(hours=5)
    calendars.move(stack, TITLE, moved)
    calendars.answer(stack, TITLE, AMELIA, "accepted")
    # The page is not loaded again.
    expect(page.locator(".ws-when-text")).to_contain_text(f"{moved:%H:%M}")
    expect(page.locator(".ws-people").first).to_contain_text("Accepted")
    calendars.tell(stack)
    told = eventually(lambda: subjects(stack)[1:], "the couple is told of the new time")
    assert len(told) == 1
    assert told[0].startswith("New time")

    page.goto(f"{stack.url}/admin/calendars/appointment/week/?on={moved:%F}")
    entry = page.locator(".fc-event.ws-appointment", has_text=TITLE)
    expect(entry).to_contain_text(f"{moved:%H:%M}")
    entry.click()
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()


def subjects(stack: Stack) -> list[str]:
    """Of the mails that the couple got about it from us, oldest first."""
    mails = stack.sandbox("GET", f"/resend/emails?to={AMELIA}&limit=50")["emails"]
    return [mail["subject"] for mail in reversed(mails) if TITLE in mail["subject"]]
