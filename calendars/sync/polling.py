"""How often a calendar is read although nothing was announced. Pure but for the row it changes.

Announcements get lost by every vendor's own word. So polling never stops; it becomes frequent where
changes are found that nobody announced, and rare again when announcements come.
"""

import random
from datetime import datetime, timedelta

from django.utils import timezone

from calendars.models import Calendar

USUAL, TIGHT = 900, 60
# Where nothing is ever announced.
ALONE = 120
# Graph may need three minutes for an announcement.
GRACE = timedelta(minutes=3)
# A calendar whose cursors never hold is read completely each time: more rarely, then.
EXPIRED = (0, 0, 60, 300, 900, 3600)


def finish(calendar: Calendar, before: Calendar, *, news: int, is_full: bool) -> None:
    """After a reading that began with the row `before`."""
    now = timezone.now()
    was_announced = before.dirty > before.pulled
    judge(calendar, was_announced=was_announced, news=0 if is_full else news, now=now)
    calendar.pulled = before.dirty
    calendar.expiries = before.expiries if is_full and before.cursor else 0
    calendar.last_pulled_at, calendar.pulling_until, calendar.error = now, None, ""
    pause = max(calendar.poll_seconds, EXPIRED[min(calendar.expiries, len(EXPIRED) - 1)])
    calendar.pull_after = now + spread(timedelta(seconds=pause), random.random())  # noqa: S311 (not a secret)


def judge(calendar: Calendar, *, was_announced: bool, news: int, now: datetime) -> None:
    if calendar.poll_only:
        calendar.poll_seconds = ALONE
    elif was_announced:
        calendar.misses, calendar.poll_seconds = 0, USUAL
    elif news and listens(calendar, now):
        calendar.misses += 1
        calendar.misses_total += 1
        calendar.poll_seconds = max(TIGHT, calendar.poll_seconds // 4)


def listens(calendar: Calendar, now: datetime) -> bool:
    """Whether somebody should have told us."""
    return calendar.subscriptions.live().filter(starts_at__lte=now - GRACE).exists()


def spread(pause: timedelta, chance: float) -> timedelta:
    """Not all at once: up to a fifth earlier."""
    return pause * (1 - 0.2 * chance)
