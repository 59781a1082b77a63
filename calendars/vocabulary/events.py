"""What calendars and address books tell us, in our words. Only these values cross a provider's
boundary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import TextChoices


class ResponseStatus(TextChoices):
    """What a participant said to an invitation."""

    NEEDED = "needed", "no answer yet"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative", "perhaps"
    DECLINED = "declined"


class Notify(TextChoices):
    """Whom the vendor writes to about a change of ours."""

    ALL = "all"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a person allowed us. Replaced as a whole whenever it is refreshed."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    # Those that were granted, which may be fewer than we asked for.
    scopes: tuple[str, ...]
    # Whose it is: the vendor's unchanging id, and the address a person knows it by.
    subject: str = ""
    email: str = ""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Wall time and its IANA zone, and so an instant. `wall.fold` tells a repeated hour apart."""

    wall: datetime
    zone: str

    @property
    def instant(self) -> datetime:
        return self.wall.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    @classmethod
    def midnight(cls, day: date, zone: str) -> "Moment":
        return cls(wall=datetime.combine(day, time()), zone=zone)


@dataclass(frozen=True, kw_only=True)
class Attendee:
    email: str
    name: str = ""
    answer: ResponseStatus = ResponseStatus.NEEDED
    is_optional: bool = False
    is_organizer: bool = False
    # The account's own copy of itself.
    is_self: bool = False


@dataclass(frozen=True, kw_only=True)
class RemoteCalendar:
    id: str
    name: str
    zone: str = ""
    may_write: bool = False
    is_primary: bool = False


@dataclass(frozen=True, kw_only=True)
class EventText:
    """What we write to a calendar: everything both vendors understand, and nothing else."""

    title: str
    start: Moment
    # Exclusive; for all-day events midnight after the last day.
    end: Moment
    is_all_day: bool = False
    description: str = ""
    place: str = ""
    attendees: tuple[Attendee, ...] = ()
    wants_conference: bool = False


@dataclass(frozen=True, kw_only=True)
class RemoteEvent:
    """An entry of a vendor's calendar, as it is now."""

    id: str
    etag: str
    text: EventText
    is_cancelled: bool = False
    # Whether it blocks time.
    is_busy: bool = True
    organizer: str = ""
    conference_url: str = ""
    ical_uid: str = ""
    # Set for an occurrence of a series, and for a changed one.
    series_id: str = ""
    updated_at: datetime | None = None
    # Our appointment's key, which we put into the event when we wrote it; blank for others'.
    key: str = ""
    # The hash of what we wrote last, echoed: tells our own change from somebody else's.
    written_hash: str = ""
    # Set where its zone is in no table: its instants are right, but its wall times are UTC's.
    problem: str = ""
    # Why its time cannot be kept as it is told; `text` has the nearest one to it. `is_timeless`:
    # there is none.
    time_problem: str = ""
    is_timeless: bool = False
    # It repeats: what is told is the series itself, with the time of its first occurrence.
    is_series: bool = False
    # How many characters of a title the vendor takes, and cuts it there; 0: nobody knows.
    title_width: int = 0
    # False: there are more guests than are told.
    has_all_guests: bool = True
    # As it came, so that what we do not know is not lost.
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """It is gone from the calendar (or outside of what is followed): all that is left is its id."""

    id: str
    # Of an occurrence, where the vendor says so.
    series_id: str = ""


@dataclass(frozen=True, kw_only=True)
class EventChanges:
    """What happened since a cursor. `is_full`: it is everything there is, so what is missing from
    it is gone."""

    items: tuple[RemoteEvent | Removed, ...]
    cursor: str
    is_full: bool
    # Of the items, how many were asked for one by one, and not told.
    read_again: int = 0


@dataclass(frozen=True, kw_only=True)
class Span:
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class FreeBusy:
    """When a calendar is taken. `problem` says why that is not known; then nothing is free."""

    calendar: str
    spans: tuple[Span, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class RemoteSubscription:
    """A subscription as the vendor has it."""

    id: str
    # Google's second id, without which a channel cannot be stopped.
    resource_id: str = ""
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class PushNotification:
    """A vendor says that something changed, or that a subscription needs care."""

    subscription: str
    # As it came; compared in constant time with the hash we kept.
    secret: str = field(repr=False, default="")
    resource_id: str = ""
    # "changed", "live" (Google's sync), "reauthorize", "removed", "missed"
    what: str
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RemotePerson:
    """A contact of a vendor's address book, as it is now. Numbers and addresses as they came, those
    that it prefers first.
    """

    id: str
    etag: str = ""
    name: str = ""
    given_name: str = ""
    family_name: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    # Number -> cell, home, work or fax, where the vendor says so.
    phone_kinds: Mapping[str, str] = field(default_factory=dict)
    company: str = ""
    notes: str = ""
    # Groups (Google) or the folder (Microsoft) it is in, by id.
    groups: tuple[str, ...] = ()
    # Ids it had before the vendor merged or renamed it.
    previous_ids: tuple[str, ...] = ()
    # Our contact's key, which we put in when we wrote it; blank for others'.
    key: str = ""
    updated_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class PeoplePage:
    """One page of what happened in an address book since a cursor.

    `cursor` is blank and `next_page` set on all pages but the last.
    """

    items: tuple[RemotePerson | Removed, ...]
    cursor: str = ""
    next_page: str = ""
    # Of how many, where the vendor says so.
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class PeopleGroup:
    id: str
    name: str
