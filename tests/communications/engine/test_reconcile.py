from datetime import timedelta
from typing import Any

import pytest
import responses
from django.utils import timezone

from communications.messages import retention
from communications.models import (
    Attempt,
    Event,
    Message,
    Organization,
    Suppression,
    WebhookDelivery,
)
from communications.providers import registry
from communications.sending import reconciliation
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.mailing import Mailing, status, timeline

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(venue: Organization, mailing: Mailing) -> Message:
    """Sent ten minutes ago, and no receipt came."""
    message = factories.message(venue)
    mailing.send_due()
    grow_old()
    message.refresh_from_db()
    return message


def grow_old(minutes: float = 10) -> None:
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=minutes))


def happens(mailing: Mailing, message: Message, event: str, **details: Any) -> None:
    path = f"/resend/emails/{message.provider_id}/events"
    mailing.first.control("POST", path, {"type": event, "details": details})


@pytest.fixture(autouse=True)
def without_receipts_of_its_own(mailing: Mailing) -> Any:
    mailing.first.control("PATCH", "/resend", {"auto_receipts": False})
    yield
    mailing.first.control("PATCH", "/resend", {"auto_receipts": True})


# --- receipts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "expected"),
    [("delivered", "delivered"), ("bounced", "bounced"), ("sent", "sent"), ("failed", "failed")],
)
def test_a_missing_receipt_is_asked_for(
    sent: Message,
    mailing: Mailing,
    event: str,
    expected: str,
) -> None:
    happens(mailing, sent, event)

    assert reconciliation.poll_overdue_receipts() == 1

    assert status(sent) == expected
    assert Event.objects.filter(message=sent).latest("id").source == "poll"


def test_a_complaint_that_was_asked_for_closes_the_address(sent: Message, mailing: Mailing) -> None:
    happens(mailing, sent, "complained")

    reconciliation.poll_overdue_receipts()

    assert Suppression.objects.get().value == sent.to


def test_the_same_answer_is_recorded_once_and_asked_for_seldom(
    sent: Message,
    mailing: Mailing,
) -> None:
    happens(mailing, sent, "sent")

    assert reconciliation.poll_overdue_receipts() == 1
    assert reconciliation.poll_overdue_receipts() == 0
    Attempt.objects.update(polled_at=timezone.now() - timedelta(minutes=11))
    assert reconciliation.poll_overdue_receipts() == 1

    assert timeline(sent).count("sent") == 1


@pytest.mark.parametrize("minutes", [1, 5 * 24 * 60])
def test_nothing_is_asked_too_early_or_for_ever(
    sent: Message,  # noqa: ARG001
    minutes: float,
) -> None:
    grow_old(minutes)

    assert reconciliation.poll_overdue_receipts() == 0


def test_asking_stops_at_the_first_429(venue: Organization, mailing: Mailing) -> None:
    for _ in range(3):
        factories.message(venue)
    mailing.send_due()
    grow_old()
    mailing.breaks("rate_limit", retry_after=20, only=["GET /emails"])

    assert reconciliation.poll_overdue_receipts() == 1

    assert registry.bucket_for("first").snapshot().held_for > 15
    Attempt.objects.update(polled_at=None)
    assert reconciliation.poll_overdue_receipts() == 0
    assert len([request for request in mailing.requests() if request["method"] == "GET"]) == 1


def test_one_that_cannot_be_asked_about_stops_none_of_the_others(
    venue: Organization,
    mailing: Mailing,
) -> None:
    lost, found = factories.message(venue), factories.message(venue)
    mailing.send_due()
    grow_old()
    happens(mailing, Message.objects.get(pk=found.pk), "delivered")
    Attempt.objects.filter(message=lost).update(
        provider_id="49a3999c-0ce1-4ea6-ab68-afcd6dc2e794",
        started_at=timezone.now() - timedelta(hours=1),
    )

    assert reconciliation.poll_overdue_receipts() == 2

    assert (status(lost), status(found)) == ("sent", "delivered")


def test_an_answer_that_says_nothing_changes_nothing(sent: Message, mailing: Mailing) -> None:
    mailing.breaks("status", status=500, count=1)

    assert reconciliation.poll_overdue_receipts() == 1

    assert status(sent) == "sent"
    assert timeline(sent) == ["composed", "accepted"]


def test_a_word_of_the_provider_that_we_do_not_know_changes_nothing(
    sent: Message,
    mailing: Mailing,
) -> None:
    with responses.RequestsMock() as vendor:
        url = f"{mailing.first.url}/resend/emails/{sent.provider_id}"
        vendor.get(url, json={"id": sent.provider_id, "last_event": "teleported"})
        assert reconciliation.poll_overdue_receipts() == 1

    assert timeline(sent) == ["composed", "accepted"]


def test_a_provider_that_is_not_configured_any_more_is_passed_over(
    sent: Message,
    mailing: Mailing,
) -> None:
    mailing.settings.PROVIDERS = {}

    assert reconciliation.poll_overdue_receipts() == 0
    assert status(sent) == "sent"


# --- expiry --------------------------------------------------------------------------------------


def test_what_waited_too_long_expires_where_it_waits(
    venue: Organization,
    mailing: Mailing,  # noqa: ARG001
) -> None:
    soon = timezone.now() + timedelta(hours=1)
    late, other = factories.message(venue, expires_at=soon), factories.message(venue)
    assert reconciliation.expire_overdue() == 0
    Message.objects.filter(pk=late.pk).update(expires_at=timezone.now())

    assert reconciliation.expire_overdue() == 1
    assert reconciliation.expire_overdue() == 0

    assert (status(late), status(other)) == ("expired", "queued")
    assert late.error_code == "expired"


# --- pruning -------------------------------------------------------------------------------------


def delivery(number: int, **columns: Any) -> WebhookDelivery:
    values = {"provider": "first", "event_id": f"msg_{number}", "headers": {}, "body": b"{}"}
    return WebhookDelivery.objects.create(**{**values, **columns})


def test_what_is_old_goes_and_what_was_never_applied_stays(venue: Organization) -> None:
    now, old = timezone.now(), timezone.now() - timedelta(days=100)
    message = rows.message(venue)
    for at in (old, old, now):
        values = {"kind": "other", "source": "system", "message_status": "queued"}
        Event.objects.create(
            organization=venue, message=message, occurred_at=at, recorded_at=at, **values
        )
    kept = [
        delivery(1, received_at=now, applied_at=now),
        delivery(2, received_at=old, apply_after=old),
        delivery(3, received_at=old),
    ]
    delivery(4, received_at=old, applied_at=old)

    assert retention.remove_expired() == 3
    assert retention.remove_expired() == 0

    assert Event.objects.count() == 1
    assert list(WebhookDelivery.objects.order_by("id")) == kept


def test_pruning_goes_in_small_batches(
    venue: Organization,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "PRUNE_BATCH", 2)
    monkeypatch.setattr(retention, "MAX_PRUNE_BATCHES", 2)
    old = timezone.now() - timedelta(days=100)
    for number in range(5):
        delivery(number, received_at=old, applied_at=old, organization=venue)

    assert (retention.remove_expired(), retention.remove_expired()) == (4, 1)


def test_a_lost_answer_of_a_provider_that_is_gone_ends_and_stops_no_other(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.breaks("drop_connection", mode="after")
    message = factories.message(venue)
    mailing.send_until_nothing_is_left()
    assert status(message) == "unknown"
    mailing.settings.PROVIDERS = {}
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=2))
    assert reconciliation.resolve_unknown() == 0
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=2))
    assert reconciliation.resolve_unknown() == 1
    assert status(message) == "failed"
