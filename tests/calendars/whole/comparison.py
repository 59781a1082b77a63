"""What stands at the other side and what stands here, side by side."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from calendars.appointments.booking import BookingRequest
from calendars.models import Account, Appointment, BusyBlock, Calendar, EventLink
from tests.calendars.providers.vendor_harness import VendorHarness
from tests.calendars.workers import write_due

HOUR = timedelta(hours=1)
START = (datetime.now(UTC) + timedelta(days=30)).replace(
    hour=10,
    minute=0,
    second=0,
    microsecond=0,
    tzinfo=None,
)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# Entries of others that a test made; the sandbox has some of its own.
OTHER = "Other"


def booking_request(number: int = 0, **fields: Any) -> BookingRequest:
    start = START + number * HOUR
    values = {"title": "Tasting", "zone": "Europe/London", **fields}
    return BookingRequest(start=start, end=start + HOUR, **values)


def write() -> None:
    """All that waits, whatever is to be waited for."""
    Account.objects.update(retry_at=None)
    EventLink.objects.filter(write_after__isnull=False).update(write_after=LONG_AGO)
    while write_due():
        pass


def standing(harness: VendorHarness, calendar: Calendar) -> list[Any]:
    """All that stands in it by the other side's word."""
    found = harness.control("GET", f"/calendars?account={harness.owner}")["calendars"]
    mine = next(item for item in found if item["id"] == calendar.remote_id)
    return [event for event in mine["events"] if not event["cancelled"]]


def events(harness: VendorHarness, calendar: Calendar) -> list[Any]:
    """Ours of it."""
    return [event for event in standing(harness, calendar) if event["key"]]


def differences(harness: VendorHarness, calendar: Calendar) -> list[Any]:
    found = standing(harness, calendar)
    there = {item["key"]: told_there(item) for item in found if item["key"]}
    rows = Appointment.objects.filter(status="booked").prefetch_related("participants")
    here = {row.key: told_here(row) for row in rows}
    own = [
        (there.get(key), here.get(key))
        for key in there.keys() | here.keys()
        if there.get(key) != here.get(key)
    ]
    taken_there = {others_there(item) for item in found if item["title"].startswith(OTHER)}
    blocks = BusyBlock.objects.filter(calendar=calendar, title__startswith=OTHER)
    taken_here = {others_here(block, harness.zone) for block in blocks}
    return own + sorted(taken_there ^ taken_here)


def told_there(event: Any) -> dict[str, Any]:
    return {
        "title": event["title"],
        "place": event["place"] or "",
        "start": event["start"][:16],
        "end": event["end"][:16],
        "answers": {attendee["email"]: attendee["answer"] for attendee in event["attendees"]},
    }


def told_here(row: Appointment) -> dict[str, Any]:
    return {
        "title": row.title,
        "place": row.place,
        "start": row.wall_start.isoformat()[:16],
        "end": row.wall_end.isoformat()[:16],
        "answers": {
            participant.email: participant.answer for participant in row.participants.all()
        },
    }


def others_there(event: Any) -> tuple[str, str, str]:
    return event["title"], event["start"][:16], event["end"][:16]


def others_here(block: BusyBlock, zone: str) -> tuple[str, str, str]:
    spans = (block.starts_at, block.ends_at)
    start, end = (at.astimezone(ZoneInfo(zone)).isoformat()[:16] for at in spans)
    return block.title, start, end
