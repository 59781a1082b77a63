"""One thread with one person, whichever channel the words take."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.overview import add_recipient, expect_status, row
from tests.e2e.stack import Stack, eventually

pytestmark = pytest.mark.e2e

NOAH, FLEUR = "+447700900102", "+447700900103"


@pytest.fixture(scope="module")
def catalogue(stack: Stack) -> None:
    """The worker fetches it within a minute; nobody waits for that here."""
    stack.python(
        "from communications.receiving import template_catalogue as catalogue\n"
        "catalogue.expire_catalogue('whatsapp')\n"
        "catalogue.sync_catalogues()",
    )


@pytest.fixture
def window(stack: Stack, catalogue: None) -> None:  # noqa: ARG001
    """Fleur wrote by WhatsApp, so for a day any text may be answered."""
    values = {"1": "Fleur", "2": "the flowers"}
    said = {"channel": "whatsapp", "to": FLEUR, "template": "wedding_update", "variables": values}
    stack.api("POST", "/messages/", said)
    stack.writes("whatsapp", FLEUR, "Here I am.")
    eventually(lambda: is_open(stack), "an open window")


def contact(stack: Stack, name: str) -> int:
    found = stack.api("GET", f"/contacts/?name={name}")["results"]
    return int(found[0]["id"])


def text(stack: Stack, number: str, body: str) -> None:
    """An SMS of ours, until it is on the phone: only then is there anything to answer."""
    stack.api("POST", "/messages/", {"channel": "sms", "to": number, "body": body})
    eventually(lambda: body in stack.arrived(number), "the SMS")


def is_open(stack: Stack) -> bool:
    ways = stack.api("GET", f"/contacts/{contact(stack, 'Fleur')}/channels/")
    return any(way["channel"] == "whatsapp" and way["is_open"] for way in ways)


def choose(page: Page, channel: str) -> None:
    page.locator("#channel-choices label").filter(has_text=channel).click()


def bubble(page: Page, text: str) -> Locator:
    return page.locator(".bubble-row").filter(has_text=text)


def test_a_reply_goes_out_by_the_channel_the_person_wrote_on(page: Page, stack: Stack) -> None:
    stack.send("noah@bennett.example", "Before the SMS")
    text(stack, NOAH, "Your photographer is booked.")
    stack.writes("sms", NOAH, "Which lens will you bring?")
    expect(row(page, "Which lens")).to_be_visible()
    row(page, "Which lens").get_by_role("link", name="Conversation with Noah").click()
    expect(page.locator("h1")).to_have_text("Noah Bennett")
    expect(bubble(page, "Which lens")).to_be_visible()
    expect(page.locator("#reply-channels input:checked")).to_have_value("sms")
    page.locator("#body").fill("The 35 mm – and a spare")
    expect(page.locator("#length")).to_have_text(
        re.compile("1 SMS · 47 characters left · contains “–”"),
    )
    page.locator("#send").click()
    expect(bubble(page, "35 mm").locator(".badge")).to_have_text("Delivered")
    expect(bubble(page, "35 mm")).to_have_attribute("data-channel", "sms")
    assert stack.arrived(NOAH)[0] == "The 35 mm – and a spare"


@pytest.mark.usefixtures("catalogue")
def test_where_whatsapp_takes_no_free_text_it_says_so_and_offers_templates(page: Page) -> None:
    page.locator("#write").click()
    choose(page, "WhatsApp")
    add_recipient(page, "Amelia")
    expect(page.locator("#template-error")).to_contain_text("The 24-hour window is closed")
    page.locator("#template").select_option("wedding_update")
    page.locator("#variable-1").fill("Amelia")
    expect(page.locator("#preview")).to_contain_text("Hello Amelia, there is news about {{2}}.")
    page.locator("#variable-2").fill("the barn")
    expect(page.locator(".letter-to")).to_contain_text("+447700900101")
    page.locator("#send").click()
    expect_status(page, "Hello Amelia, there is news about the barn.", "delivered|read")


@pytest.mark.usefixtures("window")
def test_when_whatsapp_is_switched_off_a_message_arrives_by_sms_and_says_why(
    page: Page,
    stack: Stack,
) -> None:
    stack.sandbox("PUT", "/whatsapp/faults", {"status": {"status": 401}})
    page.locator("#write").click()
    choose(page, "WhatsApp")
    add_recipient(page, "Fleur")
    page.locator("#body").fill("The peonies are in.")
    page.locator("#plan-add").click()
    expect(page.locator(".plan-step")).to_contain_text("then by")
    page.locator("#send").click()
    expect(page.locator(".result-title")).to_be_visible()
    page.keyboard.press("Escape")
    expect_status(page, "The peonies are in", "delivered")
    expect(row(page, "The peonies").get_by_title("By SMS instead of WhatsApp")).to_be_visible()
    assert stack.arrived(FLEUR)[0] == "The peonies are in."
    row(page, "The peonies").locator("button").click()
    expect(page.locator("#detail .note")).to_contain_text("It went by SMS instead of WhatsApp")
    expect(page.locator("#detail .note")).to_contain_text("Not through whatsapp: ")
    page.locator("#detail").get_by_role("link", name="Conversation").click()
    bubble(page, "The peonies").get_by_role("button", name="Why?").click()
    expect(bubble(page, "The peonies")).to_contain_text(f"Next by SMS to {FLEUR}.")


def test_a_channel_that_is_closed_says_why_and_cannot_be_chosen(page: Page, stack: Stack) -> None:
    made = stack.api("POST", "/suppressions/", {"channel": "sms", "value": NOAH})
    page.goto(f"{stack.url}/conversations/{contact(stack, 'Noah')}/")
    expect(page.locator("#closed")).to_contain_text(f"SMS: {NOAH} may not be written to since")
    expect(page.locator("#reply-channels [value=sms]")).to_be_disabled()
    stack.api("DELETE", f"/suppressions/{made['id']}/")


def test_what_comes_in_shows_up_in_the_open_conversation(page: Page, stack: Stack) -> None:
    text(stack, NOAH, "Are you on your way?")
    page.goto(f"{stack.url}/conversations/{contact(stack, 'Noah')}/")
    page.wait_for_selector("#live[data-state=live]")
    stack.writes("sms", NOAH, "Ten minutes!")
    expect(bubble(page, "Ten minutes!")).to_be_visible()
    expect(page.locator(".bubble-row").last).to_contain_text("Ten minutes!")


def test_what_becomes_of_a_message_stands_beside_it(page: Page, stack: Stack) -> None:
    def writes(**more: object) -> dict[str, str]:
        made: dict[str, str] = stack.sandbox("POST", "/whatsapp/inbound", {"from": FLEUR, **more})
        return made

    first = writes(text="Sixty peonies")
    page.goto(f"{stack.url}/conversations/{contact(stack, 'Fleur')}/")
    expect(bubble(page, "Sixty peonies")).to_be_visible()
    about = {"original_message_id": first["id"]}
    anew = {"type": "text", "text": {"body": "Seventy peonies"}}
    writes(type="edit", edit={**about, "message": anew})
    expect(bubble(page, "Seventy peonies")).to_contain_text("Edited")
    writes(type="reaction", reaction={"message_id": first["id"], "emoji": "🌸"})
    expect(bubble(page, "Seventy peonies")).to_contain_text("🌸")
    writes(text="We stop by on Friday", reply_to=first["id"])
    answer = bubble(page, "We stop by")
    expect(answer.locator(".bubble-quote")).to_have_text("Seventy peonies")
    expect(answer).to_contain_text("Possible opt-out.")
    writes(type="revoke", revoke=about)
    expect(bubble(page, "Seventy peonies").first).to_contain_text("Taken back")
