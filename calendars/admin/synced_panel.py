"""What a synchronised address book has of a contact and we cannot use, as a panel on its page."""

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from calendars.contacts.snapshot import unreadable_values
from calendars.models import ContactLink
from communications.admin.contacts.contact_page import add_panel
from communications.models import Contact


@add_panel
def synced_panel(_request: HttpRequest, contact: Contact) -> str:
    """Returns nothing where everything of it could be used."""
    rows = unused_of_contact(contact)
    return render_to_string("admin/calendars/synced_panel.html", {"rows": rows}) if rows else ""


def unused_of_contact(contact: Contact) -> list[dict[str, Any]]:
    links = ContactLink.objects.living().filter(contact=contact).select_related("book__account")
    region = contact.organization.region
    rows = [
        {"book": link.book, "unused": unreadable_values(link.raw, region), "error": link.error}
        for link in links
    ]
    return [row for row in rows if row["unused"] or row["error"]]
