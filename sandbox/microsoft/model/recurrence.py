"""The days of a series: patterns by day, by week, and by a day of the month or year.

https://learn.microsoft.com/en-us/graph/api/resources/patternedrecurrence
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from itertools import count
from typing import Any

from sandbox.microsoft.errors import bad

Json = dict[str, Any]
Days = Iterator[date]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = 12
# Exchange shows no more of an endless series; nobody here looks further.
MAX_DAYS = 5_000


def days(series: Json, until: date) -> Days:
    """Yields the days up to ``until`` and to the end of the series."""
    pattern, limits = series["pattern"], series["range"]
    last = until
    if limits["type"] == "endDate":
        last = min(last, date.fromisoformat(limits["endDate"]))
    left = limits["numberOfOccurrences"] if limits["type"] == "numbered" else MAX_DAYS
    every = PATTERNS[pattern["type"]](pattern, date.fromisoformat(limits["startDate"]))
    for day in every:
        if day > last or left <= 0:
            return
        left -= 1
        yield day


def check(series: Any) -> None:
    """Raises a RefusedError for what Graph refuses, and for patterns that are not played here."""
    if not isinstance(series, dict):
        raise bad("recurrence has a pattern and a range.")
    pattern, limits = series.get("pattern"), series.get("range")
    if not isinstance(pattern, dict) or not isinstance(limits, dict):
        raise bad("recurrence has a pattern and a range.")
    if pattern.get("type") not in PATTERNS:
        raise bad(f"Patterns of the type {pattern.get('type')!r} are not played here.")
    if not isinstance(pattern.get("interval"), int) or pattern["interval"] < 1:
        raise bad("The interval of a pattern is 1 or more.")
    if pattern["type"] == "weekly" and not set(pattern.get("daysOfWeek") or [""]) <= set(WEEKDAYS):
        raise bad("A weekly pattern has daysOfWeek.")
    _check_range(limits)


def _check_range(limits: Json) -> None:
    try:
        date.fromisoformat(limits["startDate"])
        if limits.get("type") == "endDate":
            date.fromisoformat(limits["endDate"])
    except (KeyError, TypeError, ValueError) as error:
        raise bad("The range of a series has a startDate and, if it ends, an endDate.") from error
    if limits.get("type") not in {"endDate", "noEnd", "numbered"}:
        raise bad("A range is of the type endDate, noEnd or numbered.")
    if limits["type"] == "numbered" and not isinstance(limits.get("numberOfOccurrences"), int):
        raise bad("A numbered range has numberOfOccurrences.")


def _daily(pattern: Json, first: date) -> Days:
    return (first + timedelta(days=step * pattern["interval"]) for step in count())


def _weekly(pattern: Json, first: date) -> Days:
    start = WEEKDAYS.index(str(pattern.get("firstDayOfWeek") or "sunday"))
    week = first - timedelta(days=(first.weekday() - start) % 7)
    offsets = sorted((WEEKDAYS.index(day) - start) % 7 for day in pattern["daysOfWeek"])
    for step in count():
        for offset in offsets:
            day = week + timedelta(weeks=step * pattern["interval"], days=offset)
            if day >= first:
                yield day


def _monthly(pattern: Json, first: date) -> Days:
    wanted = int(pattern.get("dayOfMonth") or first.day)
    for step in count():
        months = first.month - 1 + step * pattern["interval"]
        day = _in_month(first.year + months // MONTHS, months % MONTHS + 1, wanted)
        if day >= first:
            yield day


def _yearly(pattern: Json, first: date) -> Days:
    month, wanted = int(pattern.get("month") or first.month), int(pattern.get("dayOfMonth") or 1)
    for step in count():
        day = _in_month(first.year + step * pattern["interval"], month, wanted)
        if day >= first:
            yield day


def _in_month(year: int, month: int, day: int) -> date:
    """The last day of a month that is too short."""
    following = date(year + month // MONTHS, month % MONTHS + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day - 1), following - timedelta(days=1))


PATTERNS: Mapping[str, Callable[[Json, date], Days]] = {
    "daily": _daily,
    "weekly": _weekly,
    "absoluteMonthly": _monthly,
    "absoluteYearly": _yearly,
}
