"""Decides how often a calendar is polled although no push announced a change.

Pure but for the row it changes.

Announcements get lost by every vendor's own word. So polling never stops; it becomes frequent where
changes are found that nobody announced, and rare again when announcements come.
"""

import random
from datetime import datetime, timedelta

from django.utils import timezone

from calendars.models import Calendar

POLL_SECONDS, POLL_FAST_SECONDS = 900, 60
# Where nothing is ever announced.
POLL_ONLY_SECONDS = 120
# What was not believed is asked for again so often, for so long.
DOUBTED_SECONDS, DOUBTED_FOR = 15, timedelta(minutes=30)
# Graph may need three minutes for an announcement.
PUSH_GRACE = timedelta(minutes=3)
# A calendar whose cursors never hold is read completely each time: more rarely, then.
EXPIRED_CURSOR_SECONDS = (0, 0, 60, 300, 900, 3600)


def schedule_next_pull(calendar: Calendar, before: Calendar, *, news: int, is_full: bool) -> None:
    """Schedules the poll after a pull that began with the row `before`, and counts misses."""
    now = timezone.now()
    was_announced = before.dirty > before.pulled
    adapt_interval(calendar, was_announced=was_announced, news=0 if is_full else news, now=now)
    calendar.pulled = before.dirty
    calendar.expiries = before.expiries if is_full and before.cursor else 0
    calendar.last_pulled_at, calendar.pulling_until, calendar.error = now, None, ""
    pause = max(
        calendar.poll_seconds,
        EXPIRED_CURSOR_SECONDS[min(calendar.expiries, len(EXPIRED_CURSOR_SECONDS) - 1)],
    )
    calendar.pull_after = now + with_jitter(timedelta(seconds=pause), random.random())  # noqa: S311 (not a secret)


def ask_again_soon(calendar: Calendar, before: Calendar) -> datetime:
    """Returns when to read again what was not believed, and sets it; its push stays unread.

    At first within a minute: such an answer is mostly a failure that passes. Then as usual, while a
    person is asked.
    """
    now = timezone.now()
    held_for = now - (before.held_at or now)
    seconds = DOUBTED_SECONDS if held_for < DOUBTED_FOR else calendar.poll_seconds
    calendar.expiries = before.expiries
    calendar.last_pulled_at, calendar.pulling_until, calendar.error = now, None, ""
    moment = now + with_jitter(timedelta(seconds=seconds), random.random())  # noqa: S311 (not a secret)
    calendar.pull_after = moment
    return moment


def adapt_interval(calendar: Calendar, *, was_announced: bool, news: int, now: datetime) -> None:
    """Polls more often after changes that nobody announced, and as usual after a push."""
    if calendar.poll_only:
        calendar.poll_seconds = POLL_ONLY_SECONDS
    elif was_announced:
        calendar.misses, calendar.poll_seconds = 0, POLL_SECONDS
    elif news and expects_push(calendar, now):
        calendar.misses += 1
        calendar.misses_total += 1
        calendar.poll_seconds = max(POLL_FAST_SECONDS, calendar.poll_seconds // 4)


def expects_push(calendar: Calendar, now: datetime) -> bool:
    """Returns whether a subscription is old enough to have announced a change."""
    return calendar.subscriptions.live().filter(starts_at__lte=now - PUSH_GRACE).exists()


def with_jitter(pause: timedelta, chance: float) -> timedelta:
    """Returns the pause, shortened by up to a fifth, so that calendars do not come all at once."""
    return pause * (1 - 0.2 * chance)
