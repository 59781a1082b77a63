import time
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.utils import timezone

from communications.models import (
    Attempt,
    Event,
    Message,
    Organization,
    Suppression,
)
from communications.providers import registry
from communications.sending import receipt_polling, reconciliation
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.mailing import Mailing, account, account_at, status, timeline
from tests.communications.providers.answering import closed_port

pytestmark = pytest.mark.django_db

MISSING = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"
SMTP = {"backend": "django.core.mail.backends.locmem.EmailBackend", "sender": "hi@barn.example"}


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

    assert receipt_polling.poll_overdue_receipts() == 1

    assert status(sent) == expected
    assert Event.objects.filter(message=sent).latest("id").source == "poll"


def test_a_complaint_that_was_asked_for_closes_the_address(sent: Message, mailing: Mailing) -> None:
    happens(mailing, sent, "complained")

    receipt_polling.poll_overdue_receipts()

    assert Suppression.objects.get().value == sent.to


def test_the_same_answer_is_recorded_once_and_asked_for_seldom(
    sent: Message,
    mailing: Mailing,
) -> None:
    happens(mailing, sent, "sent")

    assert receipt_polling.poll_overdue_receipts() == 1
    assert receipt_polling.poll_overdue_receipts() == 0
    Attempt.objects.update(polled_at=timezone.now() - timedelta(minutes=11))
    assert receipt_polling.poll_overdue_receipts() == 1

    assert timeline(sent).count("sent") == 1


@pytest.mark.parametrize("minutes", [0.2, 5 * 24 * 60])
def test_nothing_is_asked_too_early_or_for_ever(
    sent: Message,  # noqa: ARG001
    minutes: float,
) -> None:
    grow_old(minutes)

    assert receipt_polling.poll_overdue_receipts() == 0


def test_asking_stops_at_the_first_429(venue: Organization, mailing: Mailing) -> None:
    for _ in range(3):
        factories.message(venue)
    mailing.send_due()
    grow_old()
    mailing.breaks("rate_limit", retry_after=20, only=["GET /emails"])

    assert receipt_polling.poll_overdue_receipts() == 1

    assert registry.bucket_for("first").snapshot().held_for > 15
    Attempt.objects.update(polled_at=None)
    assert receipt_polling.poll_overdue_receipts() == 0
    assert len([request for request in mailing.requests() if request["method"] == "GET"]) == 1


@pytest.mark.parametrize("why", ["no connection", "key revoked"])
def test_a_round_ends_where_no_question_is_answered_and_what_was_not_asked_stays_due(
    venue: Organization, mailing: Mailing, why: str
) -> None:
    due, asked_before = overdue(venue, 3), timezone.now() - timedelta(hours=1)
    Attempt.objects.filter(pk=due[0].pk).update(polled_at=asked_before)
    working = mailing.settings.PROVIDERS
    if why == "no connection":
        url = f"http://127.0.0.1:{closed_port()}"
        mailing.settings.PROVIDERS = {"first": account_at(url, "first")}
    else:
        mailing.breaks("status", status=401, only=["GET /emails"])

    # Nothing asked: the next round is not at once.
    assert receipt_polling.poll_provider("first") == 0

    assert asked_about(due) == 1
    assert Attempt.objects.get(pk=due[0].pk).polled_at == asked_before
    questions = [request for request in mailing.requests() if request["method"] == "GET"]
    assert len(questions) == (1 if why == "key revoked" else 0)
    mailing.settings.PROVIDERS = working
    mailing.recovers()
    assert receipt_polling.poll_provider("first") == 3


def test_one_that_cannot_be_asked_about_stops_none_of_the_others(
    venue: Organization,
    mailing: Mailing,
) -> None:
    lost, found = factories.message(venue), factories.message(venue)
    mailing.send_due()
    grow_old()
    happens(mailing, Message.objects.get(pk=found.pk), "delivered")
    Attempt.objects.filter(message=lost).update(
        provider_id=MISSING,
        started_at=timezone.now() - timedelta(hours=1),
    )

    assert receipt_polling.poll_overdue_receipts() == 2

    assert (status(lost), status(found)) == ("sent", "delivered")


def test_an_answer_that_says_nothing_changes_nothing(sent: Message, mailing: Mailing) -> None:
    mailing.breaks("status", status=500, count=1)

    assert receipt_polling.poll_overdue_receipts() == 1

    assert status(sent) == "sent"
    assert timeline(sent) == ["composed", "accepted"]


def test_a_word_of_the_provider_that_we_do_not_know_changes_nothing(
    sent: Message,
    mailing: Mailing,
) -> None:
    with responses.RequestsMock() as vendor:
        url = f"{mailing.first.url}/resend/emails/{sent.provider_id}"
        vendor.get(url, json={"id": sent.provider_id, "last_event": "teleported"})
        assert receipt_polling.poll_overdue_receipts() == 1

    assert timeline(sent) == ["composed", "accepted"]


def test_a_provider_that_is_not_configured_any_more_is_passed_over(
    sent: Message,
    mailing: Mailing,
) -> None:
    mailing.settings.PROVIDERS = {}

    assert receipt_polling.poll_overdue_receipts() == 0
    assert status(sent) == "sent"


def overdue(of: Organization, count: int, slug: str = "first", **columns: Any) -> list[Attempt]:
    """Attempts that nobody has heard of for ten minutes."""
    at = timezone.now() - timedelta(minutes=10)
    values = {"status": "sent", "started_at": at, "provider_id": MISSING, **columns}
    return [
        rows.attempt(rows.message(of, status="sent"), provider=slug, **values) for _ in range(count)
    ]


def asked_about(attempts: list[Attempt]) -> int:
    return Attempt.objects.filter(pk__in=attempts_of(attempts), polled_at__isnull=False).count()


def attempts_of(attempts: list[Attempt]) -> list[int]:
    return [attempt.pk for attempt in attempts]


def test_older_mails_of_a_provider_without_receipts_hold_nothing_up(
    venue: Organization, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt_polling, "POLLED_AT_ONCE", 3)
    smtp = {"BACKEND": "communications.providers.django_mail.DjangoMail", "OPTIONS": SMTP}
    mailing.settings.PROVIDERS = {"smtp": smtp, **mailing.settings.PROVIDERS}
    old = overdue(venue, 5, "smtp", started_at=timezone.now() - timedelta(hours=1))
    due = overdue(venue, 2)

    assert receipt_polling.poll_overdue_receipts() == 2

    assert (asked_about(old), asked_about(due)) == (0, 2)


def test_organizations_take_turns_in_being_asked_for(
    venue: Organization, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mailing
    monkeypatch.setattr(receipt_polling, "POLLED_AT_ONCE", 2)
    flood = overdue(venue, 3, started_at=timezone.now() - timedelta(hours=2))
    other = overdue(factories.organization(), 1, started_at=timezone.now() - timedelta(hours=1))

    assert receipt_polling.poll_provider("first") == 2

    assert (asked_about(flood), asked_about(other)) == (1, 1)


def test_a_provider_with_much_to_tell_leaves_the_others_their_time(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.two_accounts()
    registry.bucket_for("first").hold(60)
    flood, other = overdue(venue, 3), overdue(venue, 1, "second")

    assert receipt_polling.poll_overdue_receipts() == 1

    assert (asked_about(flood), asked_about(other)) == (0, 1)


def test_as_many_are_asked_about_as_the_rate_lets_and_several_at_once(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.breaks("latency", seconds=0.2)
    due = overdue(venue, 17)
    began = time.monotonic()

    assert receipt_polling.poll_provider("first") == 17

    # One after the other they would take 3.4 seconds.
    assert time.monotonic() - began < 2
    assert asked_about(due) == 17


def test_questions_wait_for_messages_that_are_leaving_and_not_for_ever(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.settings.PROVIDERS = {"first": account(mailing.first, "first", rate_per_second=10)}
    bucket = registry.bucket_for("first")
    due = overdue(venue, 1)
    # A campaign has taken what there is for three seconds, and goes on.
    bucket.reserve(30)
    assert receipt_polling.poll_provider("first") == 0
    bucket.hold(0)
    mailing.pass_time()
    bucket.reserve(5)
    assert receipt_polling.poll_provider("first") == 1
    assert asked_about(due) == 1


# --- lost answers --------------------------------------------------------------------------------


def test_lost_answers_that_nobody_can_tell_of_hold_up_none_that_can_be_asked_for(
    venue: Organization, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "RECONCILED_AT_ONCE", 1)
    smtp = {"BACKEND": "communications.providers.django_mail.DjangoMail", "OPTIONS": SMTP}
    mailing.settings.PROVIDERS = {"smtp": smtp, **mailing.settings.PROVIDERS}
    at = timezone.now() - timedelta(minutes=1)
    older = at - timedelta(minutes=1)
    lost = {"status": "unknown", "provider_id": ""}
    overdue(venue, 2, "smtp", **lost, started_at=older)
    (silent, found) = overdue(venue, 2, **lost, started_at=at)
    mailing.breaks("status", status=500, only=["GET /emails"], count=1)

    # One is not answered; then the other one has its turn, which surely never got there.
    assert reconciliation.resolve_unknown() == 0
    assert reconciliation.resolve_unknown() == 1

    assert set(Attempt.objects.filter(status="unknown", provider="first")) in [{silent}, {found}]


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
