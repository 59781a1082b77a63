"""Appointments, on the page of a contact."""

from django.http import HttpRequest
from django.template.loader import render_to_string

from calendars.admin import of_contact
from communications.admin.contact_page import add_panel
from communications.models import Contact
from wedsync_comms.lib.admin_kit.roles import ACTING
from wedsync_comms.lib.admin_kit.scope import scope_of


@add_panel
def appointments(request: HttpRequest, contact: Contact) -> str:
    may_act = scope_of(request).role in ACTING
    context = {**of_contact.about(contact), "may_act": may_act}
    return render_to_string(of_contact.template, context, request)
