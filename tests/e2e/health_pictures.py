"""The pictures of the health page: well, degraded and down; light and dark; wide and on a phone.

`python -m tests.e2e.health_pictures docs/images`; `tests.e2e.screenshots` takes them as well.
"""

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import sign_in
from tests.e2e.pictures import main
from tests.e2e.stack import Stack

WIDE = {"width": 1360, "height": 1150}
PHONE = {"width": 390, "height": 844}
PATIENCE = 90_000
# A day before the pictures: nobody waits for one. What the pictures are about happens for real.
A_DAY = """
import math
from datetime import timedelta
from django.utils import timezone
from communications.models import Organization
from health.vocabulary import histogram
from health.models import Rollup
now = timezone.now().replace(second=0, microsecond=0)
now -= timedelta(minutes=now.minute % 5 + 5)
busy = {"resend": 60, "twilio": 25, "whatsapp": 40, "twilio_whatsapp": 6}
slot = {"resend": 3, "twilio": 4, "whatsapp": 4, "twilio_whatsapp": 5}
for step in range(285):
    at = now - timedelta(minutes=5 * step)
    day = 0.25 + max(0, math.sin((at.hour - 6) * math.pi / 14))
    for slug, most in busy.items():
        wave = 0.7 + 0.3 * math.sin(step * 1.7 + len(slug))
        accepted = round(most * day * wave)
        latency = histogram.empty_histogram()
        for n in range(accepted):
            latency[slot[slug] + (n % 7 == 0) + (n % 23 == 0) - (n % 3 == 0)] += 1
        values = {
            "accepted": accepted,
            "failed": 1 if step % 41 == 7 else 0,
            "receipts": 2 * accepted,
            "latency": latency,
            "last_accepted_at": at,
            "last_receipt_at": at,
        }
        for organization in (None, Organization.objects.get()):
            Rollup.objects.update_or_create(
                at=at, provider=slug, organization=organization, defaults=values
            )
"""


def take(stack: Stack, browser: Browser, folder: Path) -> None:
    stack.python(A_DAY)
    send(stack, "A day like any other", 12)
    wide = opened(stack, browser, WIDE)
    dark = opened(stack, browser, WIDE, color_scheme="dark")
    phone = opened(stack, browser, PHONE, device_scale_factor=2, is_mobile=True)
    shoot(wide, folder / "health.png")
    degrade(stack, wide)
    shoot(dark, folder / "health-degraded-dark.png")
    break_down(stack, wide)
    shoot(wide, folder / "health-down.png")
    shoot(dark, folder / "health-down-dark.png")
    shoot(phone, folder / "health-phone.png")
    phone.emulate_media(color_scheme="dark")
    phone.reload()
    shoot(phone, folder / "health-phone-dark.png")
    ask(wide, folder)
    heal(stack)
    wide.goto(f"{stack.url}/admin/health/provider/resend/")
    shoot(wide, folder / "health-provider.png")


def opened(stack: Stack, browser: Browser, viewport: Any, **options: Any) -> Page:
    page = sign_in(browser.new_context(viewport=viewport, **options), stack.url)
    page.goto(f"{stack.url}/admin/health/")
    page.wait_for_selector("[data-live][data-state=live]")
    return page


def shoot(page: Page, path: Path) -> None:
    page.wait_for_selector("[data-live][data-state=live]")
    page.wait_for_timeout(4_000)
    page.screenshot(path=path)


def send(stack: Stack, subject: str, count: int) -> None:
    for number in range(count):
        stack.send(f"guest-{number}@guests.example", f"{subject} {number}")
    for number in range(101, 105):
        stack.send(f"+447700900{number}", "", channel="sms", body=subject)
    time.sleep(6)


def degrade(stack: Stack, page: Page) -> None:
    stack.sandbox("PUT", "/twilio/faults", {"latency": {"seconds": 3.0}})
    send(stack, "While it is slow", 2)
    becomes(page, "twilio", "degraded")


def break_down(stack: Stack, page: Page) -> None:
    stack.sandbox("PUT", "/resend/faults", {"status": {"status": 503}})
    send(stack, "While it is down", 8)
    becomes(page, "resend", "down")
    # The sums follow a little later, the later the busier the machine.
    success = page.locator("[data-part=provider-resend] .hp-spark strong").first
    expect(success).not_to_have_text("100 %", timeout=PATIENCE)


def heal(stack: Stack) -> None:
    for provider in ("resend", "twilio"):
        stack.sandbox("DELETE", f"/{provider}/faults")


def becomes(page: Page, slug: str, status: str) -> None:
    page.wait_for_selector(f"[data-name={slug}][data-status={status}]", timeout=PATIENCE)


def ask(page: Page, folder: Path) -> None:
    page.get_by_role("link", name="Pause resend", exact=True).click()
    page.get_by_role("dialog").get_by_label("Why").fill(
        "They told us about an outage; back at noon."
    )
    page.screenshot(path=folder / "health-pause.png")
    page.keyboard.press("Escape")


if __name__ == "__main__":
    main(take)
