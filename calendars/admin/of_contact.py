"""A contact's appointments, for the contact's page: `template` with what `about` returns."""

from typing import Any

from django.utils import timezone

from calendars.admin import looks, page
from calendars.models import Appointment
from communications.models import Contact

template = "admin/calendars/of_contact.html"
COMING, PAST = 10, 5


def about(contact: Contact) -> dict[str, Any]:
    rows = Appointment.objects.known().filter(
        organization=contact.organization_id,
        pk__in=contact.participant_set.values("appointment"),
    )
    now = timezone.now()
    coming = rows.filter(ends_at__gt=now).order_by("starts_at")[:COMING]
    past = rows.filter(ends_at__lte=now).order_by("-starts_at")[:PAST]
    return {"contact": contact, "coming": shown(coming), "past": shown(past)}


def shown(rows: Any) -> list[dict[str, Any]]:
    return [
        {"appointment": one, "when": page.span(one), "badge": looks.of_appointment(one)}
        for one in rows
    ]
