"""Names of time zones, and wall times that clocks skip or show twice.

One table: Microsoft's names, and which IANA zone each stands for. A name that is in neither world
is an error, never a default: an hour that is off by one is worse than a question.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from calendars.vocabulary.events import Moment

# https://github.com/unicode-org/cldr/blob/main/common/supplemental/windowsZones.xml, as it comes
# with icalendar; and what is newer than that.
WINDOWS: dict[str, str] = {
    **WINDOWS_TO_OLSON,
    "Alberta Standard Time": "America/Edmonton",
    "UTC": "UTC",
}
# https://learn.microsoft.com/en-us/graph/api/resources/datetimetimezone
ALIASES: dict[str, str] = {
    "tzone://Microsoft/Utc": "UTC",
    "Coordinated Universal Time": "UTC",
    "Z": "UTC",
}
UTC_NAMES = {
    *("UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Universal", "Zulu"),
    *("Etc/UTC", "Etc/UCT", "Etc/GMT", "Etc/GMT0", "Etc/GMT+0", "Etc/GMT-0", "Etc/Greenwich"),
    *("Etc/Universal", "Etc/Zulu"),
}
# They are in the system's database and name no place.
NOT_ZONES = {"Factory", "localtime"}
KNOWN = {name.casefold(): zone for name, zone in {**WINDOWS, **ALIASES}.items()}

# What lies beyond is no appointment, and cannot be told in every zone.
EARLIEST, LATEST = datetime(1900, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# Two zones are the same to us if their clocks agree in these years.
COMPARED_FROM, COMPARED_UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
# No zone changes its clocks twice within such a time.
COMPARED_STEP = timedelta(days=7)


class UnknownZone(ValueError):
    """No such time zone in any table of ours."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no time zone called {name!r}.")
        self.name = name


class SkippedTime(ValueError):
    """Clocks are put forward over it: there is no such time on that day."""


@cache
def iana_zones() -> frozenset[str]:
    return frozenset(available_timezones() - NOT_ZONES)


def iana_zone(name: str) -> str:
    """Returns the IANA zone that a vendor's name stands for. Raises UnknownZone."""
    name = name.strip()
    if name in iana_zones():
        return name
    try:
        return KNOWN[name.casefold()]
    except KeyError:
        raise UnknownZone(name) from None


def is_utc(zone: str) -> bool:
    """Returns whether it is the time of no place, which programs write who know no better."""
    return zone in UTC_NAMES


@cache
def windows_zone(zone: str) -> str:
    """Returns Microsoft's name for an IANA zone; blank where none keeps the same time.

    Raises UnknownZone.
    """
    wanted = iana_zone(zone)
    by_name = [name for name, stands_for in WINDOWS.items() if stands_for == wanted]
    alike = by_name or [
        name
        for name, stands_for in WINDOWS.items()
        if offset_changes(stands_for) == offset_changes(wanted)
    ]
    return alike[0] if alike else ""


def windows_zone_at(moment: Moment) -> str:
    """Returns Microsoft's name for a zone that it does not know: one whose clocks show the same
    around that day; blank where there is none.

    Kazakhstan, East Greenland and the Aysén region of Chile changed their time after its table.
    """
    at, days = moment.instant, timedelta(days=1)

    def clocks(zone: str) -> list[timedelta]:
        return [offset_at(at + step * days, zone) for step in (-1, 0, 1, 180)]

    wanted = clocks(moment.zone)
    near = [(name, clocks(zone)) for name, zone in WINDOWS.items() if not is_utc(zone)]
    # Best one that is the same in the other half of the year as well.
    for part in (len(wanted), -1):
        for name, shown in near:
            if shown[:part] == wanted[:part]:
                return name
    return ""


@cache
def offset_changes(zone: str) -> tuple[tuple[datetime, timedelta], ...]:
    """Returns from when on which offset applies."""
    changes = [(COMPARED_FROM, offset_at(COMPARED_FROM, zone))]
    at = COMPARED_FROM
    while at < COMPARED_UNTIL:
        at += COMPARED_STEP
        if (offset := offset_at(at, zone)) != changes[-1][1]:
            changes.append((first_with(offset, at, zone), offset))
    return tuple(changes)


def first_with(offset: timedelta, at: datetime, zone: str) -> datetime:
    """Returns when it began, within the step before `at`; to the second, as the database has it."""
    before, after = at - COMPARED_STEP, at
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        before, after = (before, middle) if offset_at(middle, zone) == offset else (middle, after)
    return after


def offset_at(instant: datetime, zone: str) -> timedelta:
    offset = instant.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None  # noqa: S101 - it has a zone
    return offset


def at_instant(instant: datetime, zone: str) -> Moment:
    """Returns the wall time that clocks in the zone show then; `fold` is set in a repeated hour."""
    return Moment(wall=instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None), zone=zone)


def at_wall(wall: datetime, zone: str) -> Moment:
    """Raises UnknownZone, and SkippedTime, which says why.

    Of a repeated hour it is the first, unless `wall.fold` is 1.
    """
    moment = Moment(wall=wall.replace(tzinfo=None), zone=iana_zone(zone))
    shown = at_instant(moment.instant, moment.zone)
    if shown.wall.replace(fold=0) != moment.wall.replace(fold=0):
        raise SkippedTime(
            f"{wall:%H:%M} does not exist on {wall:%d %B %Y} in {moment.zone}: "
            f"the clocks are put forward then.",
        )
    return moment if is_repeated(moment) else Moment(wall=wall.replace(fold=0), zone=moment.zone)


def is_repeated(moment: Moment) -> bool:
    """Returns whether clocks show this time twice that day, because they are put back."""
    first, second = (
        Moment(wall=moment.wall.replace(fold=fold), zone=moment.zone).instant for fold in (0, 1)
    )
    return first < second
