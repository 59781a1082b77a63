"""What a contact's page shows besides its fields: conversation, history, merges, and whatever other
apps know about the person."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from communications.admin.contacts import conversation
from communications.book.files import exporting
from communications.book.history import CREATED
from communications.conversations import thread
from communications.models import Contact, ContactChange, Merge, Origin
from wedsync_comms.lib.admin_kit import badges

RECENT = 6
CHANGES = 25

# A part of the page: HTML, or nothing where there is nothing to say.
Panel = Callable[[HttpRequest, Contact], SafeString | str]
PANELS: list[Panel] = []


def add_panel(panel: Panel) -> Panel:
    """For other apps, whose rows hang on contacts as well; they stand below the conversation."""
    PANELS.append(panel)
    return panel


def contact_context(request: HttpRequest, contact: Contact) -> dict[str, Any]:
    addresses = list(contact.addresses.all())
    closed = exporting.suppressions_of(contact, addresses).filter(lifted_at=None)
    return {
        "contact": contact,
        "bubbles": conversation.message_bubbles(contact, RECENT),
        "ways": [
            conversation.reply_option(contact, way) for way in thread.channel_options(contact)
        ],
        "closed": closed,
        "panels": [html for panel in PANELS if (html := panel(request, contact))],
        "changes": [change_row(change) for change in contact.changes.all()[:CHANGES]],
        "merges": Merge.objects.filter(kept=contact, undone_at=None).select_related("gone"),
    }


def change_row(change: ContactChange) -> dict[str, Any]:
    return {
        "field": change.field.replace("_", " "),
        "is_beginning": change.field == CREATED,
        "before": readable_value(change.before),
        "after": readable_value(change.after),
        "source": Origin(change.source).label,
        "by": change.by,
        "at": badges.time_tag(change.at),
    }


def readable_value(value: Any) -> str:
    """Lists and addresses as a person would write them."""
    if isinstance(value, dict):
        if "value" in value and "channel" in value:
            return str(value["value"])
        return "; ".join(
            f"{name}: {readable_value(entry)}" for name, entry in value.items() if entry
        )
    if isinstance(value, list):
        return ", ".join(readable_value(entry) for entry in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
