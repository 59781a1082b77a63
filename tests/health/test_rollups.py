"""events -> sums of five minutes: right, whenever and however often they are made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from communications.models import Call, Event, Organization
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status
from health.collecting import (
    missing_webhooks,
    rollups,
    traffic,
)
from health.models import Failure, Rollup
from health.vocabulary import histogram
from tests import factories

pytestmark = pytest.mark.django_db

# The day before yesterday: nothing of it is old enough to be forgotten.
NOON = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def happened(
    of: Organization,
    kind: Kind,
    seconds: float,
    *,
    source: Source = Source.RESPONSE,
    error_class: str = "",
    took: float = 0.3,
    **columns: Any,
) -> Event:
    """An event of an attempt of its own, which began `took` seconds before."""
    message = factories.message(of)
    attempt = message.attempts.create(
        call=Call.objects.create(provider="resend"),
        number=1,
        provider="resend",
        to=message.to,
        error_class=error_class,
        started_at=after(seconds - took),
        finished_at=after(seconds),
    )
    return message.events.create(
        **{
            "organization": of,
            "attempt": attempt,
            "kind": kind,
            "source": source,
            "message_status": Status.SENT,
            "provider": "resend",
            "occurred_at": after(seconds),
            "recorded_at": after(seconds),
            **columns,
        },
    )


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


def of(organization: Organization | None = None) -> Rollup:
    return Rollup.objects.get(at=NOON, organization=organization)


def test_they_count_what_happened(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 10)
    happened(venue, Kind.ACCEPTED, 20)
    happened(venue, Kind.FAILED, 30, error_class="TransientError", error_code="503")
    happened(venue, Kind.UNANSWERED, 31, error_class="OutcomeUnknown", error_code="no_answer")
    happened(venue, Kind.FAILED, 32, error_class="InvalidRecipient", error_code="422")
    happened(venue, Kind.FAILED, 33, error_class="RateLimited", error_code="429")
    happened(venue, Kind.RETRY, 34, source=Source.SYSTEM)
    happened(venue, Kind.FAILOVER, 35, source=Source.SYSTEM)
    happened(venue, Kind.DELIVERED, 40, source=Source.WEBHOOK, status=Status.DELIVERED)
    happened(venue, Kind.BOUNCED, 41, source=Source.POLL, status=Status.BOUNCED)
    rollups.update_rollups(after(60))
    row = of()
    counts = (row.accepted, row.failed, row.refused, row.throttled, row.retries, row.failovers)
    assert counts == (2, 2, 1, 1, 1, 1)
    assert (row.receipts, row.polled, row.undelivered) == (1, 1, 1)
    assert row.reasons["TransientError 503"] == 1
    assert row.last_accepted_at == after(20)
    assert row.last_failed_at == after(31)
    assert row.last_receipt_at == after(40)
    assert sum(row.latency) == 6
    assert sum(row.delay) == 1


def test_each_organization_has_its_own_and_the_platform_the_sum(venue: Organization) -> None:
    other = factories.organization()
    happened(venue, Kind.ACCEPTED, 10)
    happened(other, Kind.ACCEPTED, 11)
    rollups.update_rollups(after(60))
    assert (of(venue).accepted, of(other).accepted, of().accepted) == (1, 1, 2)


def test_doing_it_twice_changes_nothing(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 10)
    rollups.update_rollups(after(60))
    before = list(Rollup.objects.order_by("pk").values())
    rollups.update_rollups(after(61))
    assert list(Rollup.objects.order_by("pk").values()) == before


def test_what_commits_late_is_counted_as_well(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 299)
    rollups.update_rollups(after(301))
    happened(venue, Kind.ACCEPTED, 298)
    rollups.update_rollups(after(310))
    assert of().accepted == 2


def test_what_is_final_is_added_to_the_totals_once(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 10)
    for later in (*[60] * 13, 200, 500, 510, 2_000, *[90_000] * 13):
        rollups.update_rollups(after(later))
        assert rollups.provider_totals()["resend"]["accepted"] == 1


def test_a_fresh_start_begins_with_now_and_catches_up_with_the_day(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 10)
    now = after(6 * 3600)
    Event.objects.create(
        organization=venue,
        message=factories.message(venue),
        kind=Kind.ACCEPTED,
        source=Source.RESPONSE,
        message_status=Status.SENT,
        provider="resend",
        occurred_at=now,
        recorded_at=now - timedelta(seconds=1),
    )
    rollups.update_rollups(now)
    assert Rollup.objects.filter(organization=None).count() == 1
    for _ in range(15):
        rollups.update_rollups(now)
    assert Rollup.objects.filter(organization=None).count() == 2


def test_old_rows_are_forgotten_and_totals_are_not(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 10)
    for _ in range(13):
        rollups.update_rollups(after(1_000))
    assert rollups.prune_rollups() == 0
    Rollup.objects.update(at=NOON - timedelta(days=60))
    assert rollups.prune_rollups() == 2
    assert rollups.provider_totals()["resend"]["accepted"] == 1


def test_charts_have_no_gaps(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 10, took=0.3)
    rollups.update_rollups(after(60))
    resend_traffic = traffic.collect_traffic(None, after(600))["resend"]
    assert (len(resend_traffic.hourly), len(resend_traffic.five_minutes)) == (24, 24)
    assert [point.at for point in resend_traffic.five_minutes[-3:]] == [
        NOON,
        after(300),
        after(600),
    ]
    assert [point.sent for point in resend_traffic.five_minutes[-3:]] == [1, 0, 0]
    assert resend_traffic.hourly[-1].sent == 1
    assert 200 < (resend_traffic.five_minutes[-3].p95_ms or 0) <= 350


def test_a_thousand_reasons_are_no_thousand_rows(venue: Organization) -> None:
    for number in range(50):
        happened(venue, Kind.FAILED, 10, error_class="ContentRejected", error_code=f"c{number}")
    rollups.update_rollups(after(60))
    assert len(of().reasons) == 41
    assert sum(of().reasons.values()) == 50
    assert Failure.objects.filter(organization=None).count() == 40


@pytest.mark.parametrize(("share", "expected"), [(0.5, 35.0), (1.0, 100.0)])
def test_percentiles_lie_within_their_slot(share: float, expected: float) -> None:
    counts = histogram.empty_histogram()
    counts[1], counts[2] = 2, 2 if share == 1.0 else 0
    assert histogram.percentile_ms(counts, share) == pytest.approx(expected)


def test_of_nothing_there_is_no_percentile() -> None:
    assert histogram.percentile_ms(histogram.empty_histogram(), 0.95) is None


def test_what_is_longer_than_all_slots_counts_as_the_longest() -> None:
    counts = histogram.empty_histogram()
    counts[-1] = 1
    assert histogram.percentile_ms(counts, 0.5) == histogram.BOUNDS[-1]


# --- what receipts are expected -----------------------------------------------------------------


def waiting(now: datetime) -> missing_webhooks.AwaitedReceipts:
    rollups.update_rollups(now)
    return missing_webhooks.awaited_receipts(
        "resend", None, traffic.collect_traffic(None, now)["resend"], now
    )


def test_calls_after_the_last_receipt_are_waited_for(venue: Organization) -> None:
    happened(venue, Kind.ACCEPTED, 10)
    happened(venue, Kind.DELIVERED, 20, source=Source.WEBHOOK, status=Status.DELIVERED)
    for second in (30, 31, 32, 33):
        happened(venue, Kind.ACCEPTED, second)
    found = waiting(after(60))
    assert (found.count, found.oldest) == (missing_webhooks.RECEIPTS_FOR_SILENCE, after(30))


def test_a_receipt_that_beat_the_answer_is_not_waited_for(venue: Organization) -> None:
    event = happened(venue, Kind.ACCEPTED, 10)
    Event.objects.create(
        organization=venue,
        message=event.message,
        attempt=event.attempt,
        kind=Kind.DELIVERED,
        source=Source.WEBHOOK,
        status=Status.DELIVERED,
        message_status=Status.DELIVERED,
        provider="resend",
        occurred_at=after(9),
        recorded_at=after(9),
    )
    assert waiting(after(60)).oldest is None


def test_asking_for_a_receipt_does_not_end_the_waiting_for_webhooks(venue: Organization) -> None:
    event = happened(venue, Kind.ACCEPTED, 10)
    event.message.events.create(
        organization=venue,
        attempt=event.attempt,
        kind=Kind.DELIVERED,
        source=Source.POLL,
        status=Status.DELIVERED,
        message_status=Status.DELIVERED,
        provider="resend",
        occurred_at=after(30),
        recorded_at=after(30),
    )
    assert waiting(after(60)).oldest == after(10)


def test_what_is_not_in_the_sums_yet_is_waited_for_as_well(venue: Organization) -> None:
    happened(venue, Kind.DELIVERED, 20, source=Source.WEBHOOK, status=Status.DELIVERED)
    rollups.update_rollups(after(60))
    happened(venue, Kind.ACCEPTED, 301)
    found = missing_webhooks.awaited_receipts(
        "resend", None, traffic.collect_traffic(None, after(330))["resend"], after(330)
    )
    assert found.oldest == after(301)


def test_the_usual_delay_is_learned(venue: Organization) -> None:
    for second in range(12):
        happened(
            venue,
            Kind.DELIVERED,
            20 + second,
            source=Source.WEBHOOK,
            status=Status.DELIVERED,
            took=14,
        )
    assert timedelta(seconds=10) < waiting(after(60)).usual <= timedelta(seconds=15)
