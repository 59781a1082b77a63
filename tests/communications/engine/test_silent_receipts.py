"""When a provider's receipts fall silent, it is asked at once for what is overdue there."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from communications.messages.transitions import record
from communications.models import Attempt, Message, Organization
from communications.providers import registry
from communications.sending import receipt_polling
from communications.sending.reconciler import QUESTIONS, RECONCILE_EVERY_S, Reconciler
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.mailing import Mailing, status

pytestmark = pytest.mark.django_db


def grow_old(**span: float) -> None:
    at = timezone.now() - timedelta(**(span or {"seconds": 25}))
    Attempt.objects.update(started_at=at)


def asked(mailing: Mailing, *, second: bool = False) -> int:
    """Questions about single mails."""
    return sum(
        request["method"] == "GET" and request["path"].startswith("/emails/")
        for request in mailing.requests(second=second)
    )


@pytest.fixture
def silent(venue: Organization, mailing: Mailing) -> list[Message]:
    """Three mails, 25 seconds ago, which arrived, and nobody told."""
    messages = [factories.message(venue) for _ in range(3)]
    mailing.send_due()
    for mail in mailing.mails():
        mailing.first.control("POST", f"/resend/emails/{mail['id']}/events", {"type": "delivered"})
    grow_old()
    return messages


def test_what_is_overdue_is_asked_for_as_soon_as_the_silence_is_noticed(
    silent: list[Message],
) -> None:
    receipts = Reconciler("receipts", partial(QUESTIONS["receipts"], "first"))
    # At once again, there may be more of them; then there are none.
    assert (receipts(), receipts()) == (0.0, RECONCILE_EVERY_S)
    assert {status(message) for message in silent} == {"delivered"}


def test_one_missing_receipt_among_others_is_no_silence(
    venue: Organization, mailing: Mailing
) -> None:
    lost, heard = factories.message(venue), factories.message(venue)
    mailing.send_due()
    grow_old()
    attempt = Attempt.objects.get(message=heard)
    record([rows.receipt(attempt, Kind.SENT, Status.SENT)])
    assert receipt_polling.poll_overdue_receipts() == 0
    assert (status(lost), asked(mailing)) == ("sent", 0)


def test_it_goes_on_until_the_webhooks_are_back(
    silent: list[Message], venue: Organization, mailing: Mailing
) -> None:
    mailing.breaks("status", status=500, only=["GET /emails"], count=3)
    assert receipt_polling.poll_overdue_receipts() == 3
    # Not every moment, and not for ever less often.
    assert receipt_polling.poll_overdue_receipts() == 0
    Attempt.objects.update(polled_at=timezone.now() - timedelta(seconds=16))
    later = factories.message(venue)
    mailing.send_due()
    record([rows.receipt(Attempt.objects.get(message=later), Kind.SENT, Status.SENT)])
    assert receipt_polling.poll_overdue_receipts() == 0
    assert {status(message) for message in silent} == {"sent"}


def test_an_older_one_is_asked_about_more_seldom(silent: list[Message], mailing: Mailing) -> None:
    assert silent
    mailing.breaks("status", status=500, only=["GET /emails"])
    grow_old(minutes=40)
    Attempt.objects.update(polled_at=timezone.now() - timedelta(minutes=9))
    assert receipt_polling.poll_overdue_receipts() == 0
    Attempt.objects.update(polled_at=timezone.now() - timedelta(minutes=11))
    assert receipt_polling.poll_overdue_receipts() == 3


def test_old_ones_that_are_not_due_leave_their_turn_to_those_that_are(
    silent: list[Message], venue: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_polling, "POLLED_AT_ONCE", 3)
    now = timezone.now()
    for _ in range(3):
        rows.attempt(
            rows.message(venue, status="sent", provider="first"),
            provider="first",
            status=Status.SENT,
            started_at=now - timedelta(days=2),
            polled_at=now - timedelta(minutes=5),
        )
    Attempt.objects.filter(message__in=silent).update(polled_at=now - timedelta(seconds=20))

    assert receipt_polling.poll_overdue_receipts() == 3
    assert {status(message) for message in silent} == {"delivered"}


def test_a_provider_that_says_it_is_too_much_stops_none_of_the_others(
    silent: list[Message], venue: Organization, mailing: Mailing
) -> None:
    assert silent
    mailing.settings.ROUTES = {"email": ["second"]}
    other = factories.message(venue)
    mailing.send_due()
    (mail,) = mailing.mails(second=True)
    mailing.second.control("POST", f"/resend/emails/{mail['id']}/events", {"type": "delivered"})
    grow_old()
    mailing.breaks("rate_limit", retry_after=30, only=["GET /emails"])

    assert receipt_polling.poll_overdue_receipts() == 2

    assert (asked(mailing), asked(mailing, second=True)) == (1, 1)
    assert status(other) == "delivered"
    assert registry.bucket_for("first").snapshot().held_for > 20


@pytest.mark.parametrize("seconds", [5, 5 * 24 * 3600])
def test_nothing_is_asked_too_early_or_for_ever(silent: list[Message], seconds: float) -> None:
    assert silent
    grow_old(seconds=seconds)
    assert receipt_polling.poll_overdue_receipts() == 0


def test_one_process_of_many_asks(silent: list[Message]) -> None:
    asked_by: list[str] = []

    def ask() -> int:
        asked_by.append("this one")
        return 0

    assert silent
    mine, other = Reconciler("a question", ask), Reconciler("a question", ask)
    other.holder = "another process"
    mine()
    other()
    mine()
    assert asked_by == ["this one"] * 2
