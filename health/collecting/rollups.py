"""events -> rows of five minutes, recomputed until nothing in them can change any more.

Recomputing is what makes it safe: a transaction that commits late is in the next sum, a run that
died half-way or ran twice changes nothing, and reading never touches the events.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils import timezone

from health.collecting import failure_groups
from health.collecting.outcome_counts import (
    Key,
    Tally,
    count,
)
from health.models import Rollup
from health.vocabulary import histogram
from health.vocabulary.readings import FIVE_MINUTES
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.shared_state import State

# Our transactions last milliseconds: after this, a bucket has all its events.
SETTLED = timedelta(minutes=2)
# How far back a new installation looks, and how many buckets it catches up with in one go.
HISTORY = timedelta(hours=24)
AT_ONCE = 24
KEEP = timedelta(days=8)
FINAL = "health:rolled"
# What is added up for ever: numbers that only grow.
TOTALS = (
    "accepted",
    "failed",
    "refused",
    "throttled",
    "retries",
    "failovers",
    "receipts",
    "undelivered",
)
COLUMNS = [one.name for one in fields(Tally) if one.name != "examples"]


def keep(now: datetime | None = None) -> int:
    """Recomputes what may have changed, and returns how many buckets that were."""
    moment = now or timezone.now()
    old = [at for at in backlog(moment) if at + FIVE_MINUTES + SETTLED <= moment]
    # What is going on comes first: a new installation has a day to catch up with.
    current = list(between(floor(moment - SETTLED), moment))
    for at in [*current, *old]:
        tallies = count(at, at + FIVE_MINUTES)
        write(at, tallies)
        if at in old:
            shared_state.update_row(FINAL, partial(finished, at=at.timestamp(), tallies=tallies))
    return len({*current, *old})


def finished(
    state: State | None,
    _now: float,
    *,
    at: float,
    tallies: Mapping[Key, Tally],
) -> tuple[State, None]:
    """Final: added to the totals, once, whoever comes here twice."""
    known = state or {"until": 0.0, "totals": {}}
    if at < known["until"]:
        return known, None
    totals = known["totals"]
    for (provider, organization), tally in tallies.items():
        if organization is None:
            totals = {**totals, provider: summed(totals.get(provider), tally)}
    return {"until": at + FIVE_MINUTES.total_seconds(), "totals": totals}, None


def summed(before: Mapping[str, Any] | None, tally: Tally) -> dict[str, Any]:
    counts = {name: (before or {}).get(name, 0) + getattr(tally, name) for name in TOTALS}
    return {
        **counts,
        "latency": histogram.total([(before or {}).get("latency", []), tally.latency]),
    }


def totals() -> dict[str, dict[str, Any]]:
    """What each provider did since anybody counted: only grows."""
    state = shared_state.read_row(FINAL) or {"until": 0.0, "totals": {}}
    found: dict[str, dict[str, Any]] = dict(state["totals"])
    since = datetime.fromtimestamp(state["until"], UTC)
    for row in Rollup.objects.filter(organization=None, at__gte=since):
        tally = Tally(**{name: getattr(row, name) for name in (*TOTALS, "latency")})
        found[row.provider] = summed(found.get(row.provider), tally)
    return found


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


def final_until(now: datetime) -> datetime:
    known = datetime.fromtimestamp((shared_state.read_row(FINAL) or {}).get("until", 0.0), UTC)
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
        failure_groups.remember(tallies)


def forget() -> int:
    return Rollup.objects.filter(at__lt=timezone.now() - KEEP).delete()[0]
