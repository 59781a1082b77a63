"""A push is answered at once, whatever the vendor is doing."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.db import connection

from calendars.models import Calendar, Subscription
from calendars.subscriptions.notifications import secret_digest
from tests.calendars.providers.vendor_harness import VendorHarness
from tests.calendars.whole.push_requests import (
    PATH,
    RESOURCE,
    announcement,
)
from tests.communications.edges.servers import Live

PER_SECOND, SECONDS = 50, 10


def answer(server: Live, told: dict[str, Any]) -> float:
    began = time.monotonic()
    said = requests.post(server.http + PATH, timeout=10, **told)
    assert said.status_code == 202
    return time.monotonic() - began


@pytest.mark.chaos
def test_ninety_nine_of_a_hundred_within_300_ms(
    harness: VendorHarness,
    calendar: Calendar,
    ours: Live,
) -> None:
    """At 50 a second, half of them forged, while the vendor takes half a minute to answer."""
    Subscription.objects.create(
        account=calendar.account,
        calendar=calendar,
        remote_id="channel",
        resource_id=RESOURCE,
        secret_hash=secret_digest("right"),
        state="live",
    )
    before = harness.control("GET", "/requests?limit=1")
    harness.fault(latency={"seconds": 30.0})
    with ThreadPoolExecutor(20) as pool:
        waiting = []
        for number in range(PER_SECOND * SECONDS):
            secret = "right" if number % 2 else "forged"
            waiting.append(pool.submit(answer, ours, announcement(harness, "channel", secret)))
            time.sleep(1 / PER_SECOND)
        took = sorted(notification.result() for notification in waiting)
    calendar.refresh_from_db()
    assert calendar.dirty == PER_SECOND * SECONDS / 2
    assert harness.control("GET", "/requests?limit=1") == before
    figures = " ".join(f"p{at} {took[len(took) * at // 100] * 1000:.0f} ms" for at in (50, 95, 99))
    sys.stdout.write(
        f"\n{harness.slug} on {connection.vendor}: {figures}, worst {took[-1] * 1000:.0f} ms\n"
    )
    assert took[len(took) * 99 // 100] < 0.3, took[-10:]
