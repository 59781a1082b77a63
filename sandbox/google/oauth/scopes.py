"""What can be asked for, and what it opens.

https://developers.google.com/identity/protocols/oauth2/scopes
"""

from collections.abc import Collection, Mapping

PREFIX = "https://www.googleapis.com/auth/"
# scope -> what the consent page says; those without a text cannot be unticked.
SCOPES: Mapping[str, str] = {
    "openid": "",
    "email": "",
    "profile": "",
    f"{PREFIX}userinfo.email": "",
    f"{PREFIX}userinfo.profile": "",
    f"{PREFIX}calendar": (
        "See, edit, share, and permanently delete all the calendars you can access using "
        "Google Calendar"
    ),
    f"{PREFIX}calendar.readonly": (
        "See and download any calendar you can access using your Google Calendar"
    ),
    f"{PREFIX}calendar.events": "View and edit events on all your calendars",
    f"{PREFIX}calendar.events.readonly": "View events on all your calendars",
    f"{PREFIX}calendar.events.owned": (
        "See, create, change, and delete events on Google calendars you own"
    ),
    f"{PREFIX}calendar.events.owned.readonly": "See the events on Google calendars you own",
    f"{PREFIX}calendar.freebusy": "View your availability in your calendars",
    f"{PREFIX}calendar.events.freebusy": (
        "See the availability on Google calendars you have access to"
    ),
    f"{PREFIX}calendar.calendarlist": "See, add, and remove Google calendars you’re subscribed to",
    f"{PREFIX}calendar.calendarlist.readonly": (
        "See the list of Google calendars you’re subscribed to"
    ),
    f"{PREFIX}calendar.calendars": (
        "See and change the properties of Google calendars you have access to, and "
        "create secondary calendars"
    ),
    f"{PREFIX}calendar.calendars.readonly": (
        "See the title, description, default time zone, and other properties of Google "
        "calendars you have access to"
    ),
    f"{PREFIX}contacts": "See, edit, download, and permanently delete your contacts",
    f"{PREFIX}contacts.readonly": "See and download your contacts",
}

FULL = frozenset({"calendar"})
# What is done -> the scopes any one of which allows it.
OPENS: Mapping[str, frozenset[str]] = {
    "events.read": FULL
    | {
        "calendar.readonly",
        "calendar.events",
        "calendar.events.readonly",
        "calendar.events.owned",
        "calendar.events.owned.readonly",
    },
    "events.write": FULL | {"calendar.events", "calendar.events.owned"},
    "list.read": FULL
    | {"calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly"},
    "calendars.read": FULL
    | {"calendar.readonly", "calendar.calendars", "calendar.calendars.readonly"},
    "calendars.write": FULL | {"calendar.calendars"},
    "freebusy": FULL | {"calendar.readonly", "calendar.freebusy", "calendar.events.freebusy"},
    "people.read": frozenset({"contacts", "contacts.readonly"}),
    "people.write": frozenset({"contacts"}),
}


def allows(granted: Collection[str], what: str) -> bool:
    return any(f"{PREFIX}{name}" in granted for name in OPENS[what])
