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
    OutcomeCounts,
    OutcomeKey,
    count_outcomes,
)
from health.models import Rollup
from health.vocabulary import histogram
from health.vocabulary.readings import FIVE_MINUTES
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.shared_state import State

# Our transactions last milliseconds: after this, a bucket has all its events.
BUCKET_FINAL_AFTER = timedelta(minutes=2)
# How far back a new installation looks, and how many buckets it catches up with in one go.
ROLLUP_HISTORY = timedelta(hours=24)
MAX_BUCKETS = 24
ROLLUPS_KEPT = timedelta(days=8)
FINAL_TOTALS_KEY = "health:rolled"
# What is added up for ever: numbers that only grow.
TOTAL_COLUMNS = (
    "accepted",
    "failed",
    "refused",
    "throttled",
    "retries",
    "failovers",
    "receipts",
    "undelivered",
)
ROLLUP_COLUMNS = [column.name for column in fields(OutcomeCounts) if column.name != "examples"]


def update_rollups(now: datetime | None = None) -> int:
    """Recomputes what may have changed, and returns how many buckets that were."""
    moment = now or timezone.now()
    old = [
        at for at in unfinished_buckets(moment) if at + FIVE_MINUTES + BUCKET_FINAL_AFTER <= moment
    ]
    # What is going on comes first: a new installation has a day to catch up with.
    current = list(buckets_between(bucket_start(moment - BUCKET_FINAL_AFTER), moment))
    for at in [*current, *old]:
        outcomes_by_key = count_outcomes(at, at + FIVE_MINUTES)
        write_bucket(at, outcomes_by_key)
        if at in old:
            shared_state.update_row(
                FINAL_TOTALS_KEY,
                partial(add_final_bucket, at=at.timestamp(), outcomes_by_key=outcomes_by_key),
            )
    return len({*current, *old})


def add_final_bucket(
    state: State | None,
    _now: float,
    *,
    at: float,
    outcomes_by_key: Mapping[OutcomeKey, OutcomeCounts],
) -> tuple[State, None]:
    """Final: added to the totals, once, whoever comes here twice."""
    known = state or {"until": 0.0, "totals": {}}
    if at < known["until"]:
        return known, None
    totals = known["totals"]
    for (provider, organization), outcomes in outcomes_by_key.items():
        if organization is None:
            totals = {**totals, provider: add_to_totals(totals.get(provider), outcomes)}
    return {"until": at + FIVE_MINUTES.total_seconds(), "totals": totals}, None


def add_to_totals(before: Mapping[str, Any] | None, outcomes: OutcomeCounts) -> dict[str, Any]:
    counts = {name: (before or {}).get(name, 0) + getattr(outcomes, name) for name in TOTAL_COLUMNS}
    return {
        **counts,
        "latency": histogram.merge_histograms(
            [(before or {}).get("latency", []), outcomes.latency]
        ),
    }


def provider_totals() -> dict[str, dict[str, Any]]:
    """What each provider did since anybody counted: only grows."""
    state = shared_state.read_row(FINAL_TOTALS_KEY) or {"until": 0.0, "totals": {}}
    found: dict[str, dict[str, Any]] = dict(state["totals"])
    since = datetime.fromtimestamp(state["until"], UTC)
    for row in Rollup.objects.filter(organization=None, at__gte=since):
        outcomes = OutcomeCounts(
            **{name: getattr(row, name) for name in (*TOTAL_COLUMNS, "latency")}
        )
        found[row.provider] = add_to_totals(found.get(row.provider), outcomes)
    return found


def unfinished_buckets(now: datetime) -> list[datetime]:
    """The buckets that are not final yet, the oldest first, as many as are done in one go."""
    return list(islice(buckets_between(bucket_start(final_until(now)), now), MAX_BUCKETS))


def buckets_between(since: datetime, until: datetime) -> Iterator[datetime]:
    at = since
    while at <= until:
        yield at
        at += FIVE_MINUTES


def bucket_start(at: datetime) -> datetime:
    """Where its bucket begins."""
    width = FIVE_MINUTES.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // width * width, UTC)


def final_until(now: datetime) -> datetime:
    known = datetime.fromtimestamp(
        (shared_state.read_row(FINAL_TOTALS_KEY) or {}).get("until", 0.0), UTC
    )
    # Not later than now, whatever a clock said that was wrong.
    return min(max(known, now - ROLLUP_HISTORY), now)


def write_bucket(at: datetime, outcomes_by_key: Mapping[OutcomeKey, OutcomeCounts]) -> None:
    with transaction.atomic():
        known = {(row.provider, row.organization_id): row for row in Rollup.objects.filter(at=at)}
        new, changed = [], []
        for key, outcomes in outcomes_by_key.items():
            row = Rollup(at=at, provider=key[0], organization_id=key[1])
            for name in ROLLUP_COLUMNS:
                setattr(row, name, getattr(outcomes, name))
            if key not in known:
                new.append(row)
            elif any(getattr(known[key], name) != getattr(row, name) for name in ROLLUP_COLUMNS):
                row.pk = known[key].pk
                changed.append(row)
        Rollup.objects.bulk_create(new)
        Rollup.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=ROLLUP_COLUMNS,
        )
        failure_groups.keep_examples(outcomes_by_key)


def prune_rollups() -> int:
    """Deletes the sums that no chart shows any more; returns how many rows."""
    return Rollup.objects.filter(at__lt=timezone.now() - ROLLUPS_KEPT).delete()[0]
