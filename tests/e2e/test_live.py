"""The stream changes while one looks at it, and every browser ends up with the same."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit, live
from tests.e2e.overview import expect_status, row, state, write
from tests.e2e.stack import Stack, eventually

pytestmark = pytest.mark.e2e

COUPLE = ["Amelia Hart", "Noah Bennett", "Fleur & Stem"]
MAILBOXES = ["amelia@hart-wedding.example", "noah@bennett.example", "orders@fleurandstem.example"]
STRANGERS = """
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from communications.models import Membership, Organization
organization = Organization.objects.create(name="Other Vows", slug="other-vows")
user = User.objects.create_user("other", password="demo", is_staff=True)
Membership.objects.create(user=user, organization=organization)
print(Token.objects.create(user=user).key)
"""
STRANGERS_GONE = """
from communications.models import Organization
Organization.objects.get(slug="other-vows").delete()
"""


@pytest.fixture
def strangers_token(stack: Stack) -> Iterator[str]:
    """Of a second organization. The demo's people look after the providers while they are alone."""
    yield stack.python(STRANGERS)
    stack.python(STRANGERS_GONE)


def test_three_contacts_get_a_message_each_and_their_receipts_arrive_live(
    page: Page, stack: Stack
) -> None:
    stack.sandbox("PUT", "/resend/faults", {"webhook_hold": {}})
    write(page, COUPLE, "The tasting is on Friday")
    page.locator("#send").click()
    expect(page.locator(".result-title")).to_have_text("3 messages are on their way")
    for to in COUPLE:
        expect_status(page, "The tasting is on Friday", "sent", to=to)

    stack.sandbox("DELETE", "/resend/faults")
    for to in COUPLE:
        expect_status(page, "The tasting is on Friday", "delivered", to=to)

    stack.happens(stack.mail(MAILBOXES[0], "The tasting is on Friday"), "opened")
    opened = row(page, "The tasting is on Friday", to=COUPLE[0]).locator(".mark-opened")
    expect(opened).to_be_visible()
    expect(page.locator(".result-list .badge")).to_have_text(["Delivered"] * 3)


def test_a_queued_message_is_shown_as_queued_until_a_provider_takes_it(
    page: Page, stack: Stack
) -> None:
    stack.sandbox("PUT", "/resend/faults", {"latency": {"seconds": 4, "count": 1}})
    stack.send("slow@guests.example", "Slowly does it")
    expect_status(page, "Slowly does it", "queued")
    expect_status(page, "Slowly does it", "delivered")


def test_the_counters_follow(page: Page, stack: Stack) -> None:
    total = page.locator(".counter .total strong").first
    expect(total).to_be_visible()
    before = int(total.inner_text())
    stack.send("counted@guests.example", "To be counted")
    expect(total).to_have_text(str(before + 1))


def test_a_bounce_shows_up_and_closes_the_address(page: Page, stack: Stack) -> None:
    stack.send("gone@nowhere.example", "Are you there?")
    expect_status(page, "Are you there?", "delivered")
    mail = stack.mail("gone@nowhere.example", "Are you there?")
    stack.happens(mail, "bounced", type="Permanent", subType="General")
    expect_status(page, "Are you there?", "bounced")

    def suppressed() -> list[str]:
        found = stack.api("GET", "/suppressions/?value=gone@nowhere.example")["results"]
        return [message["reason"] for message in found]

    assert eventually(suppressed, "the suppression") == ["bounce"]
    write(page, ["gone@nowhere.example"], "Once more")
    expect(page.locator("#preview .alert")).to_contain_text("It will not be sent.")

    page.goto(f"{stack.url}/admin/communications/suppression/?q=gone@nowhere.example")
    expect(page.get_by_text("gone@nowhere.example").first).to_be_visible()


def test_an_answer_appears_and_is_marked_as_received(page: Page, stack: Stack) -> None:
    stack.send(MAILBOXES[2], "Peonies in June?")
    mail = stack.mail(MAILBOXES[2], "Peonies in June?")
    stack.sandbox("POST", f"/resend/emails/{mail['id']}/reply", {"text": "If it stays cool."})
    expect_status(page, "Re: Peonies in June?", "received")
    answer = row(page, "Re: Peonies in June?")
    expect(answer).to_contain_text("From Fleur & Stem")
    answer.locator("button").click()
    # A schedule does that every minute; the open page notices by itself.
    stack.python("from communications.receiving import bodies; bodies.fetch_bodies()")
    expect(page.locator("#detail")).to_contain_text("If it stays cool.")
    page.get_by_role("button", name="Reply").click()
    expect(page.locator("#chips .chip")).to_contain_text("Fleur & Stem")
    expect(page.locator("#subject")).to_have_value("Re: Peonies in June?")


def test_a_browser_that_was_away_ends_with_the_same_state(visit: Visit, stack: Stack) -> None:
    steady, away = visit(), visit()
    stack.send("early@guests.example", "Before the tunnel")
    for page in (steady, away):
        expect_status(page, "Before the tunnel", "delivered")

    away.context.set_offline(True)
    expect(away.locator("#live-text")).to_have_text("Not live: reconnecting…")
    expect(away.locator("#offline")).to_contain_text("may be out of date")
    stack.happens(stack.mail("early@guests.example", "Before the tunnel"), "opened")
    for number in range(5):
        stack.send(f"guest{number}@guests.example", f"In the tunnel {number}")
    bounced = stack.mail("guest3@guests.example", "In the tunnel 3")
    expect_status(steady, "In the tunnel 3", "delivered")
    stack.happens(bounced, "bounced", type="Permanent", subType="General")
    expect_status(steady, "In the tunnel 3", "bounced")
    for number in (0, 1, 2, 4):
        expect_status(steady, f"In the tunnel {number}", "delivered")
    assert row(away, "In the tunnel").count() == 0

    away.context.set_offline(False)
    live(away)
    expect_status(away, "In the tunnel 3", "bounced")
    eventually(lambda: state(away) == state(steady), "the same state in both browsers")


def test_a_page_that_cannot_resume_loads_its_list_again(page: Page, stack: Stack) -> None:
    # As if its last event had been removed, or the database restored from a copy.
    with page.expect_request(lambda request: "/api/messages/?" in request.url):
        page.evaluate(
            """async () => {
                const { Live } = await import("/static/communications/socket.js");
                const { connect } = Live.prototype;
                Live.prototype.connect = function () {
                    Live.prototype.connect = connect;
                    this.lastId = 99999999;
                    connect.call(this);
                };
                dispatchEvent(new Event("offline"));
                dispatchEvent(new Event("online"));
            }""",
        )
    live(page)
    stack.send("after@guests.example", "After the copy")
    expect_status(page, "After the copy", "delivered")


def test_a_page_says_when_it_is_not_live_and_when_it_is_again(page: Page) -> None:
    said = page.locator("#live")
    assert said.get_attribute("aria-live") == "polite"
    page.context.set_offline(True)
    expect(said).to_have_text("Not live: reconnecting…")
    page.context.set_offline(False)
    expect(said).to_have_text("Live")
    expect(page.locator("#offline")).to_be_hidden()


def test_events_of_another_organization_never_appear(
    visit: Visit, stack: Stack, strangers_token: str
) -> None:
    ours, theirs = visit(), visit(name="other")
    expect(theirs.locator(".blank-title")).to_have_text("No messages yet")
    stack.send("their.guest@guests.example", "Theirs alone", token=strangers_token)
    expect_status(theirs, "Theirs alone", "delivered")
    stack.send("our.guest@guests.example", "Ours alone")
    expect_status(ours, "Ours alone", "delivered")
    # Ours came later: what should not come would have been there by now.
    time.sleep(0.5)
    assert row(ours, "Theirs alone").count() == 0
    assert state(theirs)[0][1] == "their.guest@guests.example"
    assert len(state(theirs)) == 1
