"""Writing a message: checked while it is written, sent once, also without a mouse."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.overview import add_recipient, expect_status, row, write
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e


def test_a_message_can_be_composed_with_the_keyboard_alone(page: Page) -> None:
    keys = page.keyboard
    page.locator("#write").focus()
    keys.press("Enter")
    expect(page.locator("#recipient")).to_be_focused()
    keys.type("amelia")
    expect(page.locator("#suggestions [aria-selected=true]")).to_contain_text("Amelia Hart")
    keys.press("Enter")
    keys.type("noah@bennett.example,")
    expect(page.locator("#chips .chip")).to_have_count(2)
    keys.press("Tab")
    expect(page.locator("#template")).to_be_focused()
    keys.press("Tab")
    keys.type("Keys only")
    keys.press("Tab")
    keys.type("Without a mouse.")
    expect(page.locator("#preview .letter-subject")).to_have_text("Keys only")
    for _ in range(4):
        keys.press("Tab")
    expect(page.locator("#send")).to_be_focused()
    keys.press("Enter")
    expect(page.locator(".result-title")).to_have_text("2 messages are on their way")
    expect(page.locator("#results")).to_be_focused()
    keys.press("Escape")
    expect(page.locator("#compose")).to_be_hidden()
    expect(page.locator("#write")).to_be_focused()
    expect_status(page, "Keys only", "delivered", to="Amelia Hart")


def test_escape_closes_the_detail_and_gives_the_focus_back(page: Page, stack: Stack) -> None:
    stack.send("reader@guests.example", "To be read")
    expect_status(page, "To be read", "delivered")
    button = row(page, "To be read").locator("button")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#detail-title")).to_be_focused()
    expect(page.locator("#detail .timeline li").first).to_contain_text("Composed")
    expect(page.locator("#detail .attempts li")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_template_asks_for_its_variables_and_shows_the_text(page: Page) -> None:
    page.locator("#write").click()
    add_recipient(page, "Noah Bennett")
    page.locator("#template").select_option("save-the-date")
    expect(page.locator("#preview")).to_contain_text("The text needs a value for")
    for name, value in {"name": "Noah", "couple": "Ann & Theo", "date": "12 June"}.items():
        page.locator(f"#variable-{name}").fill(value)
    expect(page.locator(".letter-subject")).to_have_text("Save the date: Ann & Theo")
    expect(page.locator(".letter-body")).to_contain_text("Dear Noah,")


def test_html_is_previewed_in_a_frame_that_cannot_do_anything(page: Page) -> None:
    write(page, ["Noah Bennett"], "With HTML")
    page.locator("#html-more summary").click()
    page.locator("#html").fill("<p>Hello <script>parent.hacked = 1</script><b>Noah</b></p>")
    frame = page.locator("#preview iframe")
    expect(frame).to_have_attribute("sandbox", "")
    expect(frame.content_frame.locator("b")).to_have_text("Noah")
    assert page.evaluate("window.hacked") is None


def test_mistakes_are_named_beside_their_fields(page: Page) -> None:
    page.locator("#write").click()
    page.locator("#send").click()
    expect(page.locator("#to-error")).to_have_text("Choose at least one recipient.")
    expect(page.locator("#recipient")).to_be_focused()
    page.locator("#recipient").fill("nobody")
    page.locator("#recipient").press("Enter")
    expect(page.locator("#to-error")).to_contain_text("“nobody” is not an e-mail address")
    page.get_by_role("button", name="Remove nobody").click()
    add_recipient(page, "Noah Bennett")
    page.locator("#send").click()
    expect(page.locator("#body-error")).to_contain_text("Write a text")
    page.locator("#body").fill("A text.")
    expect(page.locator("#body-error")).to_be_hidden()
    expect(page.locator("#subject-error")).to_have_text("An e-mail needs a subject.")


def test_a_lost_answer_does_not_send_twice(page: Page, stack: Stack) -> None:
    keys: list[str] = []

    def lose_the_answer(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    page.route("**/api/messages/", lose_the_answer)
    write(page, ["once@guests.example"], "Only once")
    page.locator("#send").click()
    expect(page.locator(".result-text")).to_contain_text("safe to send again")
    page.unroute("**/api/messages/")
    page.locator("#send").click()
    expect(page.locator(".result-title")).to_have_text("Your message is on its way")
    assert len(set(keys)) == 1
    assert len(stack.api("GET", "/messages/?to=once@guests.example")["results"]) == 1


def test_a_scheduled_message_can_be_cancelled_and_retried(page: Page, stack: Stack) -> None:
    stack.send("later@guests.example", "Much later", send_at="2999-01-01T00:00:00Z")
    expect_status(page, "Much later", "queued|scheduled")
    row(page, "Much later").locator("button").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect_status(page, "Much later", "cancelled")
    page.get_by_role("button", name="Retry").click()
    expect_status(page, "Much later", "delivered")


def test_why_something_is_not_possible_is_said(page: Page, stack: Stack) -> None:
    message = stack.send("gone2@guests.example", "Too late", send_at="2999-01-01T00:00:00Z")
    expect_status(page, "Too late", "queued|scheduled")
    row(page, "Too late").locator("button").click()
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    expect(cancel).to_be_visible()
    page.route("**/cancel/", lambda route: route.fulfill(status=409, json={"detail": "Too late."}))
    cancel.click()
    expect(page.locator(".refusal")).to_have_text("Too late.")
    stack.api("POST", f"/messages/{message['id']}/cancel/")
