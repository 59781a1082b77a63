"""rollups -> what a card and its charts show of one provider."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from health.collecting.rollups import bucket_start
from health.models import Rollup
from health.vocabulary import histogram
from health.vocabulary.readings import (
    FIVE_MINUTES,
    HOUR,
    ChartPoint,
)

HOURLY_SPAN = timedelta(hours=24)
SUCCESS_RATE_SPAN = timedelta(minutes=15)
FIVE_MINUTE_SPAN = timedelta(hours=2)
QUICK_PERCENTILE = 0.25
# Fewer receipts say nothing about what is usual.
ENOUGH_RECEIPTS = 10


@dataclass(frozen=True)
class Traffic:
    hourly: tuple[ChartPoint, ...]
    five_minutes: tuple[ChartPoint, ...]
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


def collect_traffic(organization: int | None, now: datetime) -> dict[str, Traffic]:
    """Returns what each provider did, from the sums of five minutes; one query."""
    rows: dict[str, list[Rollup]] = defaultdict(list)
    found = Rollup.objects.filter(organization=organization, at__gt=now - HOURLY_SPAN - HOUR)
    for row in found.order_by("at"):
        rows[row.provider].append(row)
    return {provider: traffic_of(mine, now) for provider, mine in rows.items()}


def no_traffic(now: datetime) -> Traffic:
    return traffic_of([], now)


def traffic_of(rows: Sequence[Rollup], now: datetime) -> Traffic:
    lately = [row for row in rows if row.at > now - SUCCESS_RATE_SPAN - FIVE_MINUTES]
    took = histogram.merge_histograms(row.latency for row in lately)
    accepted = sum(row.accepted for row in lately)
    calls = accepted + sum(row.failed for row in lately)
    return Traffic(
        hourly=chart_series(rows, now, HOURLY_SPAN, HOUR),
        five_minutes=chart_series(rows, now, FIVE_MINUTE_SPAN, FIVE_MINUTES),
        success_rate=accepted / calls if calls else None,
        p50=histogram.percentile_ms(took, 0.5),
        p95=histogram.percentile_ms(took, 0.95),
        last_success_at=latest_time(row.last_accepted_at for row in rows),
        last_failure_at=latest_time(row.last_failed_at for row in rows),
        last_receipt_at=latest_time(row.last_receipt_at for row in rows),
        usual_delay=usual_receipt_delay(rows),
        usual_ms=histogram.percentile_ms(
            histogram.merge_histograms(row.latency for row in rows), QUICK_PERCENTILE
        ),
    )


def latest_time(times: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def usual_receipt_delay(rows: Sequence[Rollup]) -> timedelta | None:
    delays = histogram.merge_histograms(row.delay for row in rows)
    found = histogram.percentile_ms(delays, 0.95)
    if found is None or sum(delays) < ENOUGH_RECEIPTS:
        return None
    return timedelta(milliseconds=found)


def chart_series(
    rows: Sequence[Rollup],
    now: datetime,
    span: timedelta,
    width: timedelta,
) -> tuple[ChartPoint, ...]:
    """Without gaps: where nothing happened, there is a point that says so."""
    first = point_start(now - span, width) + width
    groups: dict[datetime, list[Rollup]] = defaultdict(list)
    for row in rows:
        groups[point_start(row.at, width)].append(row)
    count = span // width
    return tuple(chart_point(first + n * width, groups[first + n * width]) for n in range(count))


def point_start(at: datetime, width: timedelta) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) if width == HOUR else bucket_start(at)


def chart_point(at: datetime, rows: Sequence[Rollup]) -> ChartPoint:
    took = histogram.merge_histograms(row.latency for row in rows)
    return ChartPoint(
        at=at,
        sent=sum(row.accepted for row in rows),
        failed=sum(row.failed for row in rows),
        refused=sum(row.refused for row in rows),
        throttled=sum(row.throttled for row in rows),
        retries=sum(row.retries for row in rows),
        failovers=sum(row.failovers for row in rows),
        receipts=sum(row.receipts for row in rows),
        p95_ms=histogram.percentile_ms(took, 0.95),
    )
