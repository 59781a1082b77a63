"""What is in the calendars at the start, and people to fill an address book with."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.microsoft.api.event_view import NEVER
from sandbox.microsoft.model import zones
from sandbox.microsoft.model.event import Event
from sandbox.microsoft.model.mailbox import Contact, Mailbox
from sandbox.microsoft.model.zones import Wall

Json = dict[str, Any]

FIRST = (
    "Harriet", "Ralph", "Zoë", "Oliver", "Priya", "Søren", "Imani", "Lucas", "Mei", "Tomás",
    "Freya", "Jonas", "Aoife", "Mateo", "Nadia", "Björn", "Clara", "Yusuf", "Elif", "Hugo",
)  # fmt: skip
LAST = (
    "Hartley", "Okafor", "Lindqvist", "Marchetti", "Patel", "Brandt", "O’Connell", "Dubois",
    "Tanaka", "Kowalska", "Ferreira", "Abbasi", "Novák", "Whitfield", "Serrano", "Müller", "Achebe",
)  # fmt: skip
TRADES = ("Petal & Stem", "Harbour Catering", "Nightjar Strings", "Foxglove Films", "The Long Barn")


def events(mailbox: Mailbox) -> None:
    """Seeds a working week, a day away and an invitation from somebody else."""
    today = mailbox.clock.now().astimezone(ZoneInfo(zones.iana(mailbox.user.zone)))
    monday = datetime.combine(today.date() - timedelta(days=today.weekday()), time())
    add(mailbox, "Team meeting", monday + timedelta(hours=9), minutes=30, series="monday")
    add(mailbox, "Flowers with Petal & Stem", monday + timedelta(days=1, hours=14), minutes=60)
    add(mailbox, "Venue visit: The Long Barn", monday + timedelta(days=2, hours=10), minutes=120)
    day_off = add(mailbox, "Away", monday + timedelta(days=4), minutes=24 * 60)
    day_off.fields |= {"isAllDay": True, "showAs": "oof"}
    invited = add(mailbox, "Menu tasting", monday + timedelta(days=3, hours=17), minutes=90)
    invited.organizer = {"name": "Harbour Catering", "address": "kitchen@harbour.example"}
    invited.fields["responseStatus"] = {"response": "notResponded", "time": NEVER}


def add(mailbox: Mailbox, title: str, start: datetime, *, minutes: int, series: str = "") -> Event:
    zone, at = mailbox.user.zone, mailbox.clock.now()
    event = Event(
        folder=mailbox.calendar.id,
        fields={"subject": title},
        created_at=at,
        modified_at=at,
        start=Wall(start, zone),
        end=Wall(start + timedelta(minutes=minutes), zone),
    )
    if series:
        pattern = {"type": "weekly", "interval": 1, "daysOfWeek": [series]}
        limits: Json = {
            "type": "noEnd",
            "startDate": start.date().isoformat(),
            "endDate": "0001-01-01",
        }
        limits |= {"recurrenceTimeZone": zone, "numberOfOccurrences": 0}
        event.recurrence = {"pattern": pattern, "range": limits}
    mailbox.add(event)
    return event


def people(mailbox: Mailbox, count: int) -> None:
    """Always the same ones: the tenth person is the tenth in every address book."""
    present = len(mailbox.contacts)
    for number in range(present, present + count):
        at = mailbox.clock.now()
        contact = Contact(
            folder=mailbox.folder.id, fields=_person(number), created_at=at, modified_at=at
        )
        mailbox.add(contact)


def _person(number: int) -> Json:
    first, last = FIRST[number % len(FIRST)], LAST[(number * 7) % len(LAST)]
    plain = f"{first}.{last}.{number}".encode("ascii", "ignore").decode().lower()
    trade = TRADES[number % len(TRADES)] if not number % 6 else None
    return {
        "givenName": first,
        "surname": last,
        "displayName": f"{first} {last}",
        "emailAddresses": [{"name": f"{first} {last}", "address": f"{plain}@example.com"}],
        "mobilePhone": f"+44 7700 9{number % 100_000:05}",
        "businessPhones": ["020 7946 0" + f"{number % 1000:03}"] if trade else [],
        "companyName": trade,
        "categories": ["Supplier"] if trade else [],
    }
