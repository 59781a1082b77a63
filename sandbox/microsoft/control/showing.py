"""Events and people as the control API tells of them, whichever the vendor."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.lib.times import iso
from sandbox.microsoft.api.event_rules import address_of
from sandbox.microsoft.model import zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.mailbox import Contact, Folder, Mailbox
from sandbox.microsoft.model.subscription import Subscription

Json = dict[str, Any]

# Graph's word -> ours.
ANSWERS = {
    "none": "needed",
    "notResponded": "needed",
    "organizer": "accepted",
    "accepted": "accepted",
    "tentativelyAccepted": "tentative",
    "declined": "declined",
}
SERIES_BEFORE, SERIES_AFTER = timedelta(days=14), timedelta(days=60)


def calendar(folder: Folder, mailbox: Mailbox) -> Json:
    now = mailbox.clock.now()
    return {
        "id": folder.id,
        "name": folder.name,
        "zone": zones.iana(mailbox.user.zone),
        "account": mailbox.user.address,
        "is_default": folder.is_default,
        "events": [event(entry, mailbox) for entry in _seen(folder, mailbox, now)],
    }


def _seen(folder: Folder, mailbox: Mailbox, now: datetime) -> list[Event]:
    """All single ones, and the near occurrences of a series."""
    found: list[Event] = []
    for event in mailbox.events_in(folder.id):
        if event.recurrence is None:
            found.append(event)
        else:
            found.extend(event.seen_within(now - SERIES_BEFORE, now + SERIES_AFTER))
    return sorted(found, key=lambda entry: entry.start.instant)


def event(shown: Event, mailbox: Mailbox) -> Json:
    organizer = shown.organizer or mailbox.user.as_address()
    return {
        "id": shown.immutable_id,
        "title": shown.title,
        "start": _wall(shown.start, all_day=shown.is_all_day),
        "end": _wall(shown.end, all_day=shown.is_all_day),
        "zone": zones.iana(shown.start.zone),
        "vendor_zone": shown.start.zone,
        "all_day": shown.is_all_day,
        "cancelled": bool(shown.fields.get("isCancelled")),
        "organizer": organizer["address"],
        "attendees": [attendee(guest) for guest in shown.attendees],
        "answer": ANSWERS[(shown.fields.get("responseStatus") or {}).get("response", "organizer")],
        "place": (shown.fields.get("location") or {}).get("displayName", ""),
        "description": (shown.fields.get("body") or {}).get("content", ""),
        "recurring": shown.kind != "singleInstance",
        "online": bool(shown.fields.get("onlineMeeting")),
        "key": shown.key,
        "etag": shown.etag,
        "account": mailbox.user.address,
    }


def _wall(wall: zones.Wall, *, all_day: bool) -> str:
    return wall.local.date().isoformat() if all_day else wall.local.isoformat(timespec="minutes")


def attendee(given: Json) -> Json:
    return {
        "email": address_of(given),
        "name": given["emailAddress"].get("name", ""),
        "answer": ANSWERS[given["status"]["response"]],
    }


def person(contact: Contact, mailbox: Mailbox) -> Json:
    fields = contact.fields
    phones = [fields.get("mobilePhone"), *(fields.get("businessPhones") or [])]
    return {
        "id": contact.immutable_id,
        "name": fields.get("displayName") or "",
        "given_name": fields.get("givenName") or "",
        "family_name": fields.get("surname") or "",
        "emails": [email["address"] for email in fields.get("emailAddresses") or []],
        "phones": [number for number in (*phones, *(fields.get("homePhones") or [])) if number],
        "company": fields.get("companyName") or "",
        "notes": fields.get("personalNotes") or "",
        "groups": fields.get("categories") or [],
        "folder": mailbox.folders[contact.folder].name,
        "key": contact.key,
        "etag": contact.etag,
        "account": mailbox.user.address,
    }


def push(subscription: Subscription) -> Json:
    return {
        "id": subscription.id,
        "resource": subscription.resource,
        "change_types": sorted(subscription.verbs),
        "url": subscription.url,
        "lifecycle_url": subscription.lifecycle_url,
        "expires_at": iso(subscription.expires_at),
        "authorized_until": iso(subscription.authorized_until),
        "held": len(subscription.held),
        "account": subscription.user.address,
    }
