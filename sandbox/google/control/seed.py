"""What is there at the start: two businesses, their calendars and a few people."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sandbox.google.api.events import writer
from sandbox.google.model.accounts import Account, World
from sandbox.google.model.book import membership
from sandbox.google.model.calendar import Calendar
from sandbox.google.model.event import Event, Json, moment
from sandbox.google.model.writing import How

ZONE = "Europe/London"
HOLIDAY_CALENDAR = "en.uk#holiday@group.v.calendar.google.com"
FIRST = ("Harriet", "Ralph", "Isla", "Oliver", "Zoë", "Jürgen", "Priya", "Tomás", "Chloé", "Kwame")
LAST = (
    "Hart",
    "Okafor",
    "Lindqvist",
    "Müller",
    "García",
    "Patel",
    "O’Brien",
    "Novák",
    "Rossi",
    "Bell",
)
ROLES = ("Bride", "Groom", "Photographer", "Florist", "Caterer", "Band", "Guest")
# (title, days from now, hour, hours, place, guests)
EVENTS = (
    ("Viewing of the barn", 2, 10, 1, "Rosewood Barn", ("amelia.hart@example.com",)),
    ("Cake tasting", 3, 14, 1, "Ever After Weddings, High Street 4", ("noah.bell@example.com",)),
    ("Call with the florist", 5, 9, 1, "", ()),
)


def seed(world: World) -> None:
    business = world.add_account("hello@everafter.example", "Ever After Weddings")
    barn = world.add_account("events@rosewood.example", "Rosewood Barn")
    barn.first_person = 50
    for account in (business, barn):
        primary = Calendar(account.email, account.name, ZONE, owner=account.email, primary=True)
        world.add_calendar(primary, "owner", account)
    viewings = Calendar(
        "c_5e7a11c0ffee@group.calendar.google.com", "Viewings", ZONE, owner=business.email
    )
    world.add_calendar(viewings, "owner", business)
    world.add_calendar(viewings, "reader", barn)
    holidays = Calendar(HOLIDAY_CALENDAR, "Holidays in the United Kingdom", ZONE)
    world.add_calendar(holidays, "reader", business, barn)
    _fill_holidays(world, holidays)
    _fill(world, business)
    for account in (business, barn):
        account.book.groups["5a5a5a5a"] = "Suppliers"
        add_people(account, 6 if account is business else 3)
        account.book.settled = account.book.revision


def add_people(account: Account, count: int) -> None:
    """Always the same ones: the hundredth is called what it was called the last time."""
    start = account.first_person + len(account.book.every())
    for number in range(start, start + count):
        account.book.add(person(number))


def person(number: int) -> Json:
    first, last = FIRST[number % len(FIRST)], LAST[(7 * number + number // len(FIRST)) % len(LAST)]
    more = f"{number // 100}" if number >= len(FIRST) * len(LAST) else ""
    role = ROLES[number % len(ROLES)]
    fields: Json = {
        "names": [{"givenName": first, "familyName": f"{last}{more}"}],
        "emailAddresses": [{"value": f"guest{number}@example.com", "type": "home"}],
        "phoneNumbers": [{"value": f"07700 {900000 + number:06}", "type": "mobile"}],
        "biographies": [{"value": role, "contentType": "TEXT_PLAIN"}],
    }
    if role in ("Photographer", "Florist", "Caterer", "Band"):
        fields["organizations"] = [{"name": f"{last} {role}s"}]
        fields["memberships"] = [membership("myContacts"), membership("5a5a5a5a")]
    return fields


def _fill(world: World, account: Account) -> None:
    calendar = world.calendars[account.email]
    hand = writer(world, calendar, account.email)
    for title, days, hour, hours, place, guests in EVENTS:
        start = _at(world, days, hour)
        given = {
            "summary": title,
            "location": place,
            "start": moment(start, ZONE),
            "end": moment(start + timedelta(hours=hours), ZONE),
            "attendees": [{"email": guest} for guest in guests],
        }
        hand.insert(given, How())
    standup = _at(world, 0, 9) + timedelta(minutes=30)
    weekly = {
        "summary": "Team breakfast",
        "start": moment(standup, ZONE),
        "end": moment(standup + timedelta(minutes=30), ZONE),
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=12"],
    }
    hand.insert(weekly, How())


def _fill_holidays(world: World, calendar: Calendar) -> None:
    now = world.clock.now()
    for year in range(now.year, now.year + 3):
        for day, name in (("12-25", "Christmas Day"), ("12-26", "Boxing Day")):
            start = datetime.fromisoformat(f"{year}-{day}").date()
            content = {
                "summary": name,
                "start": {"date": start.isoformat()},
                "end": {"date": (start + timedelta(days=1)).isoformat()},
                "transparency": "transparent",
                "organizer": {"email": calendar.id, "displayName": calendar.name},
                "iCalUID": f"{start:%Y%m%d}@google.com",
            }
            calendar.put(Event(f"{start:%Y%m%d}_holiday", content, created=now, updated=now))


def _at(world: World, days: int, hour: int) -> datetime:
    day = world.clock.now().astimezone(ZoneInfo(ZONE)).date() + timedelta(days=days)
    return datetime.combine(day, time(hour), ZoneInfo(ZONE))
