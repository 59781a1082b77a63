"""Rows of calendars for tests, with sensible values for what is left out."""

import itertools
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from calendars.models import Account, Appointment, Calendar
from communications.models import Organization
from tests import factories

numbers = itertools.count(1)


def account(of: Organization | None = None, vendor: str = "google", **columns: Any) -> Account:
    number = next(numbers)
    values = {"subject": f"subject-{number}", "email": f"owner-{number}@example.com", **columns}
    return Account.objects.create(
        organization=of or factories.organization(),
        vendor=vendor,
        **values,
    )


def calendar(of: Account | None = None, **columns: Any) -> Calendar:
    values = {
        "remote_id": f"calendar-{next(numbers)}",
        "name": "Consultations",
        "zone": "Europe/London",
        "is_followed": True,
        "may_write": True,
        **columns,
    }
    return Calendar.objects.create(account=of or account(), **values)


def appointment(
    on: Calendar,
    start: datetime | None = None,
    *,
    wall: datetime | None = None,
    zone: str = "Europe/London",
    minutes: int = 60,
    **columns: Any,
) -> Appointment:
    """At an instant, or at a wall time."""
    begins = wall or (start or datetime.now(ZoneInfo(zone))).astimezone(ZoneInfo(zone))
    begins = begins.replace(tzinfo=None)
    ends = begins + timedelta(minutes=minutes)
    values = {
        "title": "Consultation",
        "wall_start": begins,
        "wall_end": ends,
        "starts_at": begins.replace(tzinfo=ZoneInfo(zone)),
        "ends_at": ends.replace(tzinfo=ZoneInfo(zone)),
        "zone": zone,
        **columns,
    }
    return Appointment.objects.create(
        organization=on.account.organization,
        calendar=on,
        **values,
    )
