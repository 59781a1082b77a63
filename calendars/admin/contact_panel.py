"""A contact's appointments, as a panel on the contact's page."""

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from calendars.admin.appointments.appointment_page import span_text
from calendars.admin.status_badges import appointment_badge
from calendars.models import Appointment
from communications.admin.contacts.contact_page import add_panel
from communications.models import Contact
from wedsync_comms.lib.admin_kit.roles import ACTING
from wedsync_comms.lib.admin_kit.scope import scope_of

MAX_COMING, MAX_PAST = 10, 5


@add_panel
def appointments_panel(request: HttpRequest, contact: Contact) -> str:
    may_act = scope_of(request).role in ACTING
    context = {**appointments_of_contact(contact), "may_act": may_act}
    return render_to_string("admin/calendars/contact_panel.html", context, request)


def appointments_of_contact(contact: Contact) -> dict[str, Any]:
    rows = Appointment.objects.known().filter(
        organization=contact.organization_id,
        pk__in=contact.participant_set.values("appointment"),
    )
    now = timezone.now()
    coming = rows.filter(ends_at__gt=now).order_by("starts_at")[:MAX_COMING]
    past = rows.filter(ends_at__lte=now).order_by("-starts_at")[:MAX_PAST]
    return {
        "contact": contact,
        "coming": [appointment_row(appointment) for appointment in coming],
        "past": [appointment_row(appointment) for appointment in past],
    }


def appointment_row(appointment: Appointment) -> dict[str, Any]:
    return {
        "appointment": appointment,
        "when": span_text(appointment),
        "badge": appointment_badge(appointment),
    }
