"""rollups -> what a card and its charts show of one provider."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from health.collecting.rollups import floor
from health.models import Rollup
from health.vocabulary import histogram
from health.vocabulary.readings import (
    FIVE_MINUTES,
    HOUR,
    Point,
)

DAY = timedelta(hours=24)
LATELY = timedelta(minutes=15)
SHORT_SERIES = timedelta(hours=2)
QUICK = 0.25
# Fewer receipts say nothing about what is usual.
ENOUGH_RECEIPTS = 10


@dataclass(frozen=True)
class Traffic:
    hourly: tuple[Point, ...]
    five_minutes: tuple[Point, ...]
    success_rate: float | None
    p50: float | None
    p95: float | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_receipt_at: datetime | None
    # How long after a call its receipt usually comes; None: not known.
    usual_delay: timedelta | None
    # What a quick call took in the last day: bad hours among it do not count.
    usual_ms: float | None


def look(organization: int | None, now: datetime) -> dict[str, Traffic]:
    rows: dict[str, list[Rollup]] = defaultdict(list)
    found = Rollup.objects.filter(organization=organization, at__gt=now - DAY - HOUR)
    for row in found.order_by("at"):
        rows[row.provider].append(row)
    return {provider: summed(mine, now) for provider, mine in rows.items()}


def nothing(now: datetime) -> Traffic:
    return summed([], now)


def summed(rows: Sequence[Rollup], now: datetime) -> Traffic:
    lately = [one for one in rows if one.at > now - LATELY - FIVE_MINUTES]
    took = histogram.total(one.latency for one in lately)
    accepted = sum(one.accepted for one in lately)
    calls = accepted + sum(one.failed for one in lately)
    return Traffic(
        hourly=series(rows, now, DAY, HOUR),
        five_minutes=series(rows, now, SHORT_SERIES, FIVE_MINUTES),
        success_rate=accepted / calls if calls else None,
        p50=histogram.percentile(took, 0.5),
        p95=histogram.percentile(took, 0.95),
        last_success_at=last(one.last_accepted_at for one in rows),
        last_failure_at=last(one.last_failed_at for one in rows),
        last_receipt_at=last(one.last_receipt_at for one in rows),
        usual_delay=usual_delay(rows),
        usual_ms=histogram.percentile(histogram.total(one.latency for one in rows), QUICK),
    )


def last(times: Iterable[datetime | None]) -> datetime | None:
    return max((one for one in times if one is not None), default=None)


def usual_delay(rows: Sequence[Rollup]) -> timedelta | None:
    delays = histogram.total(one.delay for one in rows)
    found = histogram.percentile(delays, 0.95)
    if found is None or sum(delays) < ENOUGH_RECEIPTS:
        return None
    return timedelta(milliseconds=found)


def series(
    rows: Sequence[Rollup],
    now: datetime,
    span: timedelta,
    width: timedelta,
) -> tuple[Point, ...]:
    """Without gaps: where nothing happened, there is a point that says so."""
    first = start(now - span, width) + width
    groups: dict[datetime, list[Rollup]] = defaultdict(list)
    for row in rows:
        groups[start(row.at, width)].append(row)
    count = span // width
    return tuple(point(first + n * width, groups[first + n * width]) for n in range(count))


def start(at: datetime, width: timedelta) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) if width == HOUR else floor(at)


def point(at: datetime, rows: Sequence[Rollup]) -> Point:
    took = histogram.total(one.latency for one in rows)
    return Point(
        at=at,
        sent=sum(one.accepted for one in rows),
        failed=sum(one.failed for one in rows),
        refused=sum(one.refused for one in rows),
        throttled=sum(one.throttled for one in rows),
        retries=sum(one.retries for one in rows),
        failovers=sum(one.failovers for one in rows),
        receipts=sum(one.receipts for one in rows),
        p95_ms=histogram.percentile(took, 0.95),
    )
