"""The pictures in the README: `python -m tests.e2e.screenshots docs/images`."""

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.e2e import calendars, health_pictures
from tests.e2e.browser import sign_in
from tests.e2e.pictures import main
from tests.e2e.stack import Stack

WIDE = {"width": 1360, "height": 850}
PHONE = {"width": 390, "height": 844}
INVITATION = """<h1 style="font-family:Georgia,serif;color:#8a2846">Save the date</h1>
<p>Dear {{ name }},</p>
<p>Amelia &amp; Theo are getting married on <b>12 June</b> at Larkspur Barn,
and would love to have you there.</p>
<p><a href="https://everafter.example">All the details</a></p>"""
DATE = "Save the date: Amelia & Theo"
LETTER = "Dear {{ name }},\n\nAmelia & Theo are getting married on 12 June at Larkspur Barn."
AMELIA = "+447700900101"
MEETINGS = (
    ("Menu tasting", "Amelia"),
    ("Flowers for the arch", "Fleur"),
    ("Second look at the photographs", "Noah"),
)
GUESTS = ("ivy.marsh", "ruben.castillo", "priya.nair", "tom.okafor", "lena.fischer")


def everything(stack: Stack, browser: Browser, folder: Path) -> None:
    populate(stack)
    talk(stack)
    take(stack, browser, folder)
    health_pictures.take(stack, browser, folder)


def populate(stack: Stack) -> None:
    for guest in GUESTS:
        name = guest.partition(".")[0].title()
        more: dict[str, Any] = {"html": INVITATION, "body": LETTER, "variables": {"name": name}}
        stack.send(f"{guest}@guests.example", DATE, **more)
    stack.send("orders@fleurandstem.example", "Peonies or ranunculus?")
    stack.send("noah@bennett.example", "Your photographer for the day")
    stack.send("amelia@hart-wedding.example", "The tasting is on Friday at three")
    happen(stack)
    stack.send("amelia@hart-wedding.example", "Menu choices", send_at="2999-01-01T00:00:00Z")
    stack.send("tom.okafor@guests.example", "Did our last mail arrive?")
    time.sleep(2)


def happen(stack: Stack) -> None:
    """What the other side does with it."""
    time.sleep(3)
    for guest in GUESTS[:2]:
        stack.happens(stack.mail(f"{guest}@guests.example", DATE), "opened")
    stack.happens(stack.mail("ivy.marsh@guests.example", DATE), "clicked")
    stack.happens(stack.mail("lena.fischer@guests.example", DATE), "complained")
    bounce = {"type": "Permanent", "subType": "General", "message": "There is no such mailbox."}
    stack.happens(stack.mail("tom.okafor@guests.example", DATE), "bounced", **bounce)
    asked = stack.mail("orders@fleurandstem.example", "Peonies or ranunculus?")
    answer = {"text": "Peonies, if it stays cool until June. Ranunculus otherwise!\n\nFleur"}
    stack.sandbox("POST", f"/resend/emails/{asked['id']}/reply", answer)
    time.sleep(1)
    stack.python("from communications.receiving import bodies; bodies.fetch_bodies()")


def talk(stack: Stack) -> None:
    """Amelia's conversation: by mail, SMS and WhatsApp, until WhatsApp is switched off."""
    stack.send(AMELIA, "", channel="sms", body="Tomorrow at three: the tasting, at the barn.")
    time.sleep(3)
    stack.writes("sms", AMELIA, "Lovely! Can Theo’s mother come too?")
    time.sleep(1)
    stack.writes("whatsapp", AMELIA, "And here is our seating plan")
    plan = {"type": "image", "image": {"mime_type": "image/jpeg", "caption": "Window tables"}}
    stack.sandbox("POST", "/whatsapp/inbound", {"from": AMELIA, **plan})
    time.sleep(2)
    stack.send(AMELIA, "", channel="whatsapp", body="Of course she can. Thank you for the plan!")
    time.sleep(2)
    stack.sandbox("PUT", "/whatsapp/faults", {"status": {"status": 401}})
    news = "The florist has confirmed: peonies."
    stack.send(AMELIA, "", channel="whatsapp", body=news, fallback=[{"channel": "sms"}])
    time.sleep(4)
    stack.sandbox("DELETE", "/whatsapp/faults")


def take(stack: Stack, browser: Browser, folder: Path) -> None:
    page = opened(stack, browser, WIDE)
    page.screenshot(path=folder / "overview.png")
    drawer(page, folder)
    writing(page, folder)
    conversation(stack, page, folder)
    dark = opened(stack, browser, WIDE, color_scheme="dark")
    dark.screenshot(path=folder / "overview-dark.png")
    phone = opened(stack, browser, PHONE, device_scale_factor=2, is_mobile=True)
    phone.screenshot(path=folder / "phone.png")
    elsewhere(stack, page, folder)
    appointments(stack, page, folder)


def opened(stack: Stack, browser: Browser, viewport: Any, **options: Any) -> Page:
    page = sign_in(browser.new_context(viewport=viewport, **options), stack.url)
    page.wait_for_selector("#live[data-state=live]")
    page.wait_for_selector(".counter .legend button")
    page.wait_for_timeout(2_000)
    return page


def drawer(page: Page, folder: Path) -> None:
    page.locator("#rows > li").filter(has_text=DATE).filter(has_text="ivy.").locator(
        "button"
    ).click()
    page.wait_for_selector("#detail .timeline")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(600)
    page.screenshot(path=folder / "drawer.png")
    page.keyboard.press("Escape")


def writing(page: Page, folder: Path) -> None:
    page.locator("#write").click()
    for name in ("Amelia", "Noah"):
        page.locator("#recipient").fill(name)
        page.wait_for_selector("#suggestions [aria-selected=true]")
        page.locator("#recipient").press("Enter")
    page.locator("#subject").fill(DATE)
    page.locator("#body").fill(LETTER)
    page.locator("#html-more summary").click()
    page.locator("#html").fill(INVITATION)
    page.locator("#variable-name").fill("Amelia")
    page.wait_for_selector("#preview iframe")
    page.locator("#subject").focus()
    page.locator("#compose .panel-body").evaluate("body => body.scrollTo(0, 0)")
    page.wait_for_timeout(1_000)
    page.screenshot(path=folder / "compose.png")
    page.keyboard.press("Escape")


def conversation(stack: Stack, page: Page, folder: Path) -> None:
    contact = stack.api("GET", "/contacts/?name=Amelia")["results"][0]["id"]
    page.goto(f"{stack.url}/conversations/{contact}/")
    page.locator(".why").click()
    page.wait_for_timeout(1_500)
    page.screenshot(path=folder / "conversation.png")
    page.goto(stack.url)


def elsewhere(stack: Stack, page: Page, folder: Path) -> None:
    found = stack.api("GET", "/messages/?to=ivy.marsh@guests.example")["results"]
    page.goto(f"{stack.url}/admin/communications/message/{found[0]['id']}/change/")
    page.wait_for_timeout(1_000)
    page.screenshot(path=folder / "admin-message.png")
    page.goto(stack.sandbox_url)
    page.get_by_text("amelia@hart-wedding.example").click()
    page.get_by_text("The tasting is on Friday at three").last.click()
    page.wait_for_timeout(1_500)
    page.screenshot(path=folder / "sandbox.png")


def appointments(stack: Stack, page: Page, folder: Path) -> None:
    """Both vendors connected, a fortnight of appointments, one of them moved over there."""
    for vendor in calendars.VENDORS:
        calendars.connect(page, stack, vendor)
    page.locator("[data-part]").get_by_text("up to date").wait_for()
    page.screenshot(path=folder / "calendar-account.png")
    for number, (title, contact) in enumerate(MEETINGS):
        calendars.fill(page, stack, title, contact)
        calendars.choose(page, day=1 + number, slot=number % 3)
        if number == 0:
            page.screenshot(path=folder / "booking.png")
        calendars.book(page)
    title = MEETINGS[0][0]
    start = datetime.fromisoformat(calendars.event(stack, title)["start"])
    calendars.answer(stack, title, "amelia@hart-wedding.example", "accepted")
    calendars.move(stack, title, start + timedelta(hours=2))
    page.goto(f"{stack.url}/admin/calendars/appointment/?q={title}")
    page.locator("#result_list tbody a").first.click()
    page.locator(".ws-timeline", has_text="accepted").wait_for()
    page.locator(".ws-timeline", has_text="Moved").wait_for()
    page.screenshot(path=folder / "appointment.png")
    page.goto(f"{stack.url}/admin/calendars/appointment/week/?on={start:%F}")
    page.locator(".fc-event.ws-appointment").first.wait_for()
    page.wait_for_timeout(1_000)
    page.screenshot(path=folder / "week.png")


if __name__ == "__main__":
    main(everything)
