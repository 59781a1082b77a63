"""events -> rows of five minutes, recomputed until nothing in them can change any more.

Recomputing is what makes it safe: a transaction that commits late is in the next sum, a run that
died half-way or ran twice changes nothing, and reading never touches the events.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.db import transaction
from django.utils import timezone

from health import failures
from health.counting import Key, Tally, count
from health.events import FIVE_MINUTES
from health.models import Rollup
from wedsync_comms.lib import shared

# Our transactions last milliseconds: after this, a bucket has all its events.
SETTLED = timedelta(minutes=2)
# How far back a new installation looks, and how many buckets it catches up with in one go.
HISTORY = timedelta(hours=24)
AT_ONCE = 24
KEEP = timedelta(days=8)
FINAL = "health:rolled"
COLUMNS = [one.name for one in fields(Tally) if one.name != "examples"]


def keep(now: datetime | None = None) -> int:
    """Recomputes what may have changed, and returns how many buckets that were."""
    moment = now or timezone.now()
    old = [at for at in backlog(moment) if at + FIVE_MINUTES + SETTLED <= moment]
    # What is going on comes first: a new installation has a day to catch up with.
    current = list(between(floor(moment - SETTLED), moment))
    for at in [*current, *old]:
        write(at, count(at, at + FIVE_MINUTES))
    if old:
        shared.update(FINAL, lambda _state, _now: ({"until": after(old[-1])}, None))
    return len(current) + len(old)


def backlog(now: datetime) -> list[datetime]:
    """The buckets that are not final yet, the oldest first, as many as are done in one go."""
    return list(islice(between(floor(final_until(now)), now), AT_ONCE))


def between(since: datetime, until: datetime) -> Iterator[datetime]:
    at = since
    while at <= until:
        yield at
        at += FIVE_MINUTES


def floor(at: datetime) -> datetime:
    """Where its bucket begins."""
    width = FIVE_MINUTES.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // width * width, UTC)


def after(at: datetime) -> float:
    return (at + FIVE_MINUTES).timestamp()


def final_until(now: datetime) -> datetime:
    known = datetime.fromtimestamp((shared.read(FINAL) or {}).get("until", 0.0), UTC)
    # Not later than now, whatever a clock said that was wrong.
    return min(max(known, now - HISTORY), now)


def write(at: datetime, tallies: Mapping[Key, Tally]) -> None:
    with transaction.atomic():
        known = {(one.provider, one.organization_id): one for one in Rollup.objects.filter(at=at)}
        new, changed = [], []
        for key, tally in tallies.items():
            row = Rollup(at=at, provider=key[0], organization_id=key[1])
            for name in COLUMNS:
                setattr(row, name, getattr(tally, name))
            if key not in known:
                new.append(row)
            elif any(getattr(known[key], name) != getattr(row, name) for name in COLUMNS):
                row.pk = known[key].pk
                changed.append(row)
        Rollup.objects.bulk_create(new)
        Rollup.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=COLUMNS,
        )
        failures.remember(tallies)


def forget() -> int:
    return Rollup.objects.filter(at__lt=timezone.now() - KEEP).delete()[0]
