"""When the occurrences of a series are. https://www.rfc-editor.org/rfc/rfc5545#section-3.8.5"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from .event import Event

# Further than this nobody looks, and a series without an end has to end somewhere.
FURTHEST = timedelta(days=731)
MAX_OCCURRENCES = 1000
KINDS = ("RRULE", "EXRULE", "RDATE", "EXDATE")
UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6}Z)")


def occurrences(event: Event, zone: str, start: datetime | None, end: datetime) -> Iterator[Event]:
    """Yields the occurrences that lie between start and end, in order."""
    own = ZoneInfo(event.zone(zone))
    length = event.ends(zone) - event.starts(zone)
    rules = _rules(event, own, zone)
    first = start - length if start else event.starts(zone)
    wall_first = first.astimezone(own).replace(tzinfo=None) - timedelta(days=1)
    for count, wall in enumerate(rules.xafter(wall_first, inc=True)):
        at: datetime | date = wall.date() if event.is_all_day else wall.replace(tzinfo=own)
        occurrence = event.occurrence(at, zone)
        if count >= MAX_OCCURRENCES or occurrence.starts(zone) >= end:
            return
        if occurrence.overlaps(start, end, zone):
            yield occurrence


def check(lines: list[str], start: datetime) -> None:
    """Raises a ValueError for what is no recurrence."""
    for line in lines:
        kind = re.split("[:;]", line, maxsplit=1)[0].upper()
        if kind not in KINDS or ":" not in line:
            raise ValueError(line)
        if kind in ("RRULE", "EXRULE"):
            rrulestr(_value(line, ZoneInfo("UTC")), dtstart=start)
        else:
            list(_dates(line, ZoneInfo("UTC")))


def _rules(event: Event, own: ZoneInfo, zone: str) -> rruleset:
    start = event.starts(zone).astimezone(own).replace(tzinfo=None)
    if event.is_all_day:
        start = datetime.fromisoformat(event.content["start"]["date"])
    rules = rruleset()
    for line in event.content["recurrence"]:
        kind = re.split("[:;]", line, maxsplit=1)[0].upper()
        if kind in ("RRULE", "EXRULE"):
            getattr(rules, kind.lower())(rrulestr(_value(line, own), dtstart=start))
        else:
            for at in _dates(line, own):
                getattr(rules, kind.lower())(at)
    return rules


def _value(line: str, own: ZoneInfo) -> str:
    """The rule in wall time: its UNTIL comes in UTC."""

    def local(found: re.Match[str]) -> str:
        until = datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return f"UNTIL={until.astimezone(own).strftime('%Y%m%dT%H%M%S')}"

    return UNTIL.sub(local, line.partition(":")[2].upper())


def _dates(line: str, own: ZoneInfo) -> Iterator[datetime]:
    for text in line.partition(":")[2].split(","):
        at = datetime.fromisoformat(text.strip())
        yield at.astimezone(own).replace(tzinfo=None) if at.tzinfo else at
