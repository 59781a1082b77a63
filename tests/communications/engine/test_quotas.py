"""A used-up quota: the account is left alone for as long as it says, and no message is burnt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from django.db import connection
from django.utils import timezone

from communications.messages import text_removal
from communications.models import Attempt, Message, Organization
from communications.providers import registry
from communications.receiving import receipts
from communications.vocabulary.events import Kind, Source, StatusChanged
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine.mailing import Mailing, status, timeline
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.breaker import QUOTA
from wedsync_comms.lib.errors import (
    CredentialsRejected,
    ProviderError,
    QuotaExceeded,
    RateLimited,
)

T = TypeVar("T")
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "hours"), [("daily_quota_exceeded", 1), ("monthly_quota_exceeded", 6)]
)
def test_the_next_provider_has_it_at_once(
    venue: Organization, mailing: Mailing, name: str, hours: int
) -> None:
    mailing.two_accounts()
    mailing.breaks("status", status=429, name=name)
    messages = [factories.message(venue) for _ in range(3)]

    mailing.send_due()

    assert [status(message) for message in messages] == ["sent"] * 3
    assert {message.provider for message in messages} == {"second"}
    assert timeline(messages[0]) == ["composed", "failed", "failover", "accepted"]
    state = registry.breaker_for("first").state()
    assert (state.state, state.paused, state.cause) == ("open", True, QUOTA)
    assert "quota" in state.reason
    assert state.retry_at is not None
    left = state.retry_at - timezone.now()
    assert timedelta(hours=hours - 0.1) < left <= timedelta(hours=hours)
    assert registry.bucket_for("first").snapshot().held_for == 0
    assert len(mailing.requests()) == 1


def test_with_one_provider_it_waits_and_is_not_burnt(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("status", status=429, name="daily_quota_exceeded")
    message = factories.message(venue)
    mailing.send_due()
    mailing.pass_time()
    mailing.send_due()
    assert (status(message), len(mailing.requests())) == ("queued", 1)

    mailing.recovers()
    registry.breaker_for("first").resume()
    mailing.send_until_nothing_is_left()
    assert status(message) == "sent"


def reached(message: Message, code: str, at: datetime) -> StatusChanged:
    return StatusChanged(
        kind=Kind.FAILED,
        status=Status.FAILED,
        provider_id=message.provider_id,
        occurred_at=at,
        code=code,
        detail="Reached daily quota",
        remedy=QuotaExceeded,
        retry_after=timedelta(hours=1),
    )


def test_a_receipt_of_it_sends_the_mail_by_the_next_provider(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.two_accounts()
    message = factories.message(venue)
    mailing.send_due()
    assert (status(message), message.provider) == ("sent", "first")

    event = reached(message, "reached_daily_quota", timezone.now())
    receipts.apply_status("first", event, "e1", Source.WEBHOOK)
    mailing.send_due()

    assert (status(message), message.provider) == ("sent", "second")
    assert registry.breaker_for("first").state().cause == QUOTA
    assert not mailing.requests()[1:]


def test_what_has_no_text_any_more_is_not_sent_empty_after_a_late_receipt(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.two_accounts()
    message = factories.message(venue)
    mailing.send_due()
    assert status(message) == "sent"
    later = timezone.now() + timedelta(days=1)
    Message.objects.update(created_at=later - timedelta(days=40))
    Attempt.objects.update(started_at=later - timedelta(days=40))
    assert text_removal.remove_texts(venue.pk, later) == 1

    event = reached(message, "reached_daily_quota", timezone.now())
    receipts.apply_status("first", event, "e1", Source.WEBHOOK)
    mailing.send_until_nothing_is_left()

    assert (status(message), message.error_code) == ("failed", "text_removed")
    assert "removed its text: write it anew" in message.error
    assert len(mailing.requests()) == 1


@pytest.mark.parametrize("remedy", [QuotaExceeded, CredentialsRejected, RateLimited])
def test_what_all_wait_for_is_changed_when_the_receipt_is_committed(
    venue: Organization,
    monkeypatch: pytest.MonkeyPatch,
    mailing: Mailing,
    remedy: type[ProviderError],
) -> None:
    """Without Redis it is a row, and locked for as long as the transaction takes."""
    message = factories.message(venue)
    mailing.send_due()
    status(message)
    open_now: list[int] = []
    update = shared_state.update_state

    def noting(key: str, change: shared_state.Change[T]) -> T:
        open_now.append(len(connection.savepoint_ids))
        return update(key, change)

    monkeypatch.setattr(shared_state, "update_state", noting)
    event = replace(reached(message, "x", timezone.now()), remedy=remedy)
    outside = len(connection.savepoint_ids)
    receipts.apply_status("first", event, "e1", Source.WEBHOOK)
    assert open_now == [outside]


def test_a_receipt_of_yesterdays_quota_stops_nobody_today(
    venue: Organization, mailing: Mailing
) -> None:
    message = factories.message(venue)
    mailing.send_due()
    status(message)

    event = reached(message, "reached_daily_quota", datetime.now(UTC) - timedelta(days=1))
    receipts.apply_status("first", event, "e1", Source.WEBHOOK)

    assert registry.breaker_for("first").state().state == "closed"
    mailing.send_until_nothing_is_left()
    assert status(message) == "sent"
