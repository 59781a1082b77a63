"""What `test_vendors.py` shows in small, in the numbers that are promised."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests

from calendars.appointments import booking
from calendars.mailbox import concurrency
from calendars.models import Account, Calendar, EventLink, Subscription
from calendars.subscriptions import lifecycle
from communications.models import Organization
from tests.calendars import rows
from tests.calendars.providers.vendor_harness import VendorHarness
from tests.calendars.whole.comparison import (
    START,
    events,
    write,
)
from tests.calendars.whole.push_requests import (
    PATH,
    announcement,
)
from tests.communications.edges.servers import Live
from wedsync_comms.lib.rate_limit.algorithm import Rate

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

FORGED, CREATED, EACH_ROUND = 10_000, 1_000, 20
QUARTER = timedelta(minutes=15)


@pytest.fixture
def no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many calls a minute may have is shown elsewhere."""
    monkeypatch.setattr(concurrency, "MAILBOX_RATE", Rate(per_second=10_000, burst=10_000))


def test_a_thousand_appointments_are_there_once_each(
    harness: VendorHarness,
    organization: Organization,
    calendar: Calendar,
    no_budget: None,
) -> None:
    """30 % of their creations are cut after the vendor has done it, or answered 503."""
    made = [
        rows.appointment(calendar, wall=START + n * QUARTER, minutes=15, title=f"Tasting {n}")
        for n in range(CREATED)
    ]
    for appointment in made:
        booking.queue_push(appointment)
    harness.fault(
        drop_connection={"mode": "after", "only": ["POST"], "chance": 0.2},
        status={"status": 503, "mode": "before", "only": ["POST"], "chance": 0.1},
    )
    began = time.monotonic()
    for _ in range(EACH_ROUND):
        write()
        if not EventLink.objects.filter(remote_id="").exists():
            break
    harness.no_faults()
    write()
    sys.stdout.write(f"\n{harness.slug}: {CREATED} in {time.monotonic() - began:.0f} s\n")
    assert sorted(event["key"] for event in events(harness, calendar)) == sorted(
        appointment.key for appointment in made
    )
    assert not EventLink.objects.filter(remote_id="").exists()


def forgeries(harness: VendorHarness, subscription: Subscription) -> Iterator[dict[str, Any]]:
    for number in range(FORGED):
        name = subscription.remote_id if number % 2 else f"channel-{number}"
        yield announcement(harness, name, f"guess-{number}")


def counters() -> tuple[int, int]:
    """What a genuine push would have raised."""
    return Calendar.objects.get(is_default=True).dirty, Account.objects.get().people_dirty


def test_ten_thousand_forged_pushes_cause_no_call(
    harness: VendorHarness,
    calendar: Calendar,
    ours: Live,
) -> None:
    lifecycle.maintain_subscriptions(calendar.account_id)
    live = Subscription.objects.get(calendar=calendar)
    counted = counters()
    before, began = harness.control("GET", "/requests?limit=1"), time.monotonic()

    def send(item: dict[str, Any]) -> int:
        return requests.post(ours.http + PATH, timeout=10, **item).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, forgeries(harness, live)))
    took = time.monotonic() - began
    sys.stdout.write(f"\n{harness.slug}: {FORGED / took:.0f} forged pushes a second\n")
    assert answers == {202}
    assert harness.control("GET", "/requests?limit=1") == before
    assert counters() == counted
