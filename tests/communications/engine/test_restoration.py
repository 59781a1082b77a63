"""A database that is older than what was sent: asked, not sent again."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from communications.models import Attempt, Call, Message, Organization
from communications.sending import claims, provider_call, reconciliation, restoration
from tests import factories
from tests.communications.engine.mailing import Mailing, account, status, timeline
from wedsync_comms.lib import heartbeats
from wedsync_comms.lib.models import Heartbeat

pytestmark = pytest.mark.django_db

SMTP = {
    "BACKEND": "communications.providers.django_mail.DjangoMail",
    "OPTIONS": {
        "backend": "django.core.mail.backends.locmem.EmailBackend",
        "sender": "hi@barn.example",
    },
}


def lost_future(count: int) -> None:
    """Sends so many, and forgets it: as where the dump was made before."""
    with transaction.atomic():
        for claim in claims.claim_due("email", "first", usable=["first"], limit=count):
            provider_call.call_provider(claim)
        transaction.set_rollback(True)


def restore(*arguments: str) -> str:
    said = StringIO()
    call_command("after_restore", *arguments, stdout=said)
    return said.getvalue()


def now() -> str:
    return timezone.now().isoformat()


def find_out(mailing: Mailing) -> None:
    """What dispatchers do in the next minute."""
    past = timezone.now() - timedelta(minutes=1)
    Attempt.objects.filter(status="unknown").update(started_at=past)
    reconciliation.resolve_unknown()
    mailing.send_until_nothing_is_left()


def test_what_left_after_the_dump_is_found_and_the_rest_is_sent(
    venue: Organization, mailing: Mailing
) -> None:
    messages = [factories.message(venue, subject=f"Table plan {n}") for n in range(4)]
    lost_future(2)

    assert "found out now: 4" in restore("--dumped-at", now())
    assert {status(message) for message in messages} == {"unknown"}
    mailing.send_due()
    assert len(mailing.mails()) == 2
    find_out(mailing)

    assert len(mailing.mails()) == 4
    assert all(len(mailing.mails(message)) == 1 for message in messages)
    assert {status(message) for message in messages} <= {"sent", "delivered"}


def test_without_it_they_would_arrive_twice(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue)
    lost_future(1)

    mailing.send_until_nothing_is_left()

    assert len(mailing.mails(message)) == 2


def test_where_nobody_can_say_nothing_is_sent_twice(
    venue: Organization, settings: Settings
) -> None:
    settings.PROVIDERS = {"smtp": SMTP}
    settings.ROUTES = {"email": ["smtp"]}
    message = factories.message(venue)
    restore("--dumped-at", now())
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=1))

    reconciliation.resolve_unknown()

    assert status(message) == "failed"
    assert timeline(message)[-2:] == ["unanswered", "given_up"]
    assert "might deliver it twice" in message.events.latest("id").detail


def test_what_is_due_later_and_what_nobody_can_send_is_left_alone(
    venue: Organization, mailing: Mailing, settings: Settings
) -> None:
    later = factories.message(venue, send_at=timezone.now() + timedelta(hours=1))
    factories.message(venue)
    settings.PROVIDERS = {"sms": account(mailing.first, "sms")}
    settings.ROUTES = {"email": [], "sms": ["sms"]}

    assert "found out now: 0" in restore("--dumped-at", now())
    assert status(later) == "queued"
    assert Message.objects.waiting().count() == 2


def test_what_waits_for_a_receipt_is_not_sent_by_the_next_way_at_once(
    venue: Organization, mailing: Mailing
) -> None:
    message = factories.message(venue)
    mailing.send_due()
    Message.objects.update(escalate_at=timezone.now() - timedelta(minutes=5))

    assert "before their next step: 1." in restore("--dumped-at", now())
    assert reconciliation.escalate_overdue() == 0
    assert status(message) in {"sent", "delivered"}


def test_a_call_in_flight_is_left_to_its_own_key(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue)
    (claim,) = claims.claim_due("email", "first", usable=["first"], limit=1)
    provider_call.call_provider(claim)

    assert "found out now: 0" in restore("--dumped-at", now())
    mailing.pass_time()
    mailing.send_until_nothing_is_left()

    assert Call.objects.count() == 1
    assert len(mailing.mails(message)) == 1


@pytest.mark.usefixtures("mailing")
def test_the_time_of_the_dump_is_that_of_the_newest_row(venue: Organization) -> None:
    with pytest.raises(CommandError, match="Nothing has ever happened"):
        restore()
    heartbeats.record_beat("dispatcher", "here:1")
    with pytest.raises(CommandError, match="in the last two minutes"):
        restore()
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=90))
    factories.message(venue)
    message = Message.objects.get()
    message.events.update(recorded_at=timezone.now() - timedelta(hours=2))

    assert restore().startswith(f"Dumped at {Heartbeat.objects.get().beat_at:%Y-%m-%d %H:%M:%S}")
    call = Call.objects.get()
    assert call.created_at == Heartbeat.objects.get().beat_at
    assert call.repeat_after is None
    with pytest.raises(CommandError, match="this command has run already"):
        restore()


def test_a_time_that_cannot_be_is_refused() -> None:
    with pytest.raises(CommandError, match="still to come"):
        restore("--dumped-at", "2999-01-01")
    with pytest.raises(CommandError, match="dumped-at"):
        restore("--dumped-at", "yesterday")


def test_many_messages_are_asked_for_together(
    venue: Organization, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoration, "RESTORED_AT_ONCE", 2)
    for _ in range(5):
        factories.message(venue)

    assert restoration.find_out_due(timezone.now()) == 5
    assert Call.objects.count() == 3
    mailing.send_due()
    assert mailing.mails() == []
