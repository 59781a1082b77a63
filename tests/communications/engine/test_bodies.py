"""Texts that a webhook only announced: fetched, at the provider's rate, on a ladder with an end."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError
from django.utils import timezone

from communications.models import Direction, Message, Organization
from communications.providers import registry
from communications.receiving import bodies, mail_threads
from communications.receiving.bodies import FETCH_PAUSES, MISSING_PAUSES, fetch_bodies
from communications.vocabulary.events import MessageReceived
from communications.vocabulary.statuses import Status
from health.collecting.observation import unreadable_reason
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.mailing import Mailing
from wedsync_comms.lib.breaker import Circuit

pytestmark = pytest.mark.django_db


def announced(venue: Organization, provider_id: str) -> Message:
    """What a webhook leaves of a mail that came in."""
    return rows.message(
        venue,
        direction=Direction.INBOUND,
        status=Status.DELIVERED,
        provider="first",
        provider_id=provider_id,
        body="",
        is_complete=False,
    )


def received(venue: Organization, mailing: Mailing, text: str) -> Message:
    mail = {"from": "amelia@example.com", "to": "hello@everafter.example", "text": text}
    return announced(venue, mailing.first.control("POST", "/resend/inbound", mail)["id"])


def asked(mailing: Mailing) -> int:
    return sum("/emails/receiving" in request["path"] for request in mailing.requests())


def become_due() -> None:
    """As if the pause were over, also that of the key."""
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.exclude(fetch_after=None).update(fetch_after=past)
    breaker = bodies.reading_breaker("first")
    if breaker.state().state != "closed":
        reason = breaker.state().reason
        due = Circuit(reason=reason, opened_at=past.timestamp(), retry_at=0.0, paused=True)
        breaker._update(lambda _circuit, _now: (due, None))


@pytest.fixture
def sending_only(mailing: Mailing) -> Iterator[Mailing]:
    mailing.first.control("PATCH", "/resend", {"key_access": "sending_access"})
    yield mailing
    mailing.first.control("PATCH", "/resend", {"key_access": "full_access"})


def test_the_body_of_what_was_announced_is_fetched(venue: Organization, mailing: Mailing) -> None:
    message = received(venue, mailing, "Can we bring the dog?\0")

    assert fetch_bodies() == 1
    assert fetch_bodies() == 0

    message.refresh_from_db()
    assert message.body.strip() == "Can we bring the dog?"
    assert message.is_complete


def test_a_body_that_cannot_be_fetched_now_is_fetched_later(
    venue: Organization, mailing: Mailing
) -> None:
    for text in ("One", "Two"):
        received(venue, mailing, text)
    mailing.breaks("status", status=500, count=1)

    assert fetch_bodies() == 1
    assert fetch_bodies() == 1

    assert set(Message.objects.values_list("is_complete", flat=True)) == {True}
    assert set(Message.objects.values_list("error", flat=True)) == {""}


MISSING = "0193465e-0000-7c3e-9d52-000000000000"


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [({}, MISSING_PAUSES), ({"status": 503}, FETCH_PAUSES), ({"status": 422}, MISSING_PAUSES)],
)
def test_the_ladder_has_an_end_and_says_why(
    venue: Organization, mailing: Mailing, fault: dict[str, Any], pauses: tuple[timedelta, ...]
) -> None:
    message = announced(venue, MISSING)
    if fault:
        mailing.breaks("status", **fault)

    for pause in pauses:
        assert fetch_bodies() == 0
        message.refresh_from_db()
        assert message.fetch_after is not None
        assert abs(message.fetch_after - timezone.now() - pause) < timedelta(seconds=2)
        become_due()
    assert fetch_bodies() == 0

    message.refresh_from_db()
    assert (message.is_complete, message.fetch_after) == (False, None)
    assert message.error
    become_due()
    fetch_bodies()
    assert asked(mailing) == len(pauses) + 1


def test_what_cannot_be_had_starves_nothing_that_is_new(
    venue: Organization, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODIES_AT_ONCE", 3)
    for number in range(3):
        announced(venue, f"{MISSING[:-1]}{number}")
    fetch_bodies()
    new = received(venue, mailing, "New")
    fetch_bodies()
    new.refresh_from_db()
    assert new.is_complete


def test_organizations_take_turns_and_each_provider_has_its_time(
    venue: Organization, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODIES_AT_ONCE", 3)
    monkeypatch.setattr(bodies, "ROUND_S", 0.5)
    slow = [received(venue, mailing, f"Mail {number}") for number in range(4)]
    other = announced(factories.organization(), "x")
    mail = {"from": "tom@example.com", "to": "hello@everafter.example", "text": "Hi"}
    found = mailing.second.control("POST", "/resend/inbound", mail)["id"]
    elsewhere = announced(venue, found)
    Message.objects.filter(pk=elsewhere.pk).update(provider="second")
    mailing.breaks("latency", seconds=0.6)

    fetch_bodies()

    for message in (*slow, other, elsewhere):
        message.refresh_from_db()
    assert elsewhere.is_complete
    assert sum(message.fetch_after is not None for message in slow) <= 1
    assert sum(message.is_complete for message in slow) <= 1


def test_a_key_that_may_only_send_is_asked_once_for_all_and_seldom(
    venue: Organization, sending_only: Mailing
) -> None:
    messages = [received(venue, sending_only, f"Mail {number}") for number in range(5)]

    for _ in range(3):
        assert fetch_bodies() == 0
    assert asked(sending_only) == 1
    later = received(venue, sending_only, "Later")
    assert fetch_bodies() == 0
    assert asked(sending_only) == 1
    for message in (*messages, later):
        message.refresh_from_db()
        assert "restricted to only send emails" in message.error
        assert message.fetch_after is not None
    assert "restricted to only send emails" in unreadable_reason("first")
    # Sending is another matter.
    assert registry.breaker_for("first").state().state == "closed"

    become_due()
    fetch_bodies()
    assert asked(sending_only) == 2
    sending_only.first.control("PATCH", "/resend", {"key_access": "full_access"})
    become_due()
    assert fetch_bodies() == 6
    assert unreadable_reason("first") == ""


def test_what_a_key_may_not_read_is_given_up_after_days_and_had_when_another_may(
    venue: Organization, sending_only: Mailing
) -> None:
    old = received(venue, sending_only, "Old")
    Message.objects.update(created_at=timezone.now() - timedelta(days=4))
    fetch_bodies()
    old.refresh_from_db()
    assert (old.fetch_after, old.error_code) == (None, bodies.REFUSED_CODE)
    sending_only.first.control("PATCH", "/resend", {"key_access": "full_access"})
    received(venue, sending_only, "New")
    become_due()
    assert fetch_bodies() == 1
    assert fetch_bodies() == 1
    old.refresh_from_db()
    assert (old.body.strip(), old.error, old.error_code) == ("Old", "", "")


def test_too_fast_is_waited_out_and_counts_for_nothing(
    venue: Organization, mailing: Mailing
) -> None:
    received(venue, mailing, "One")
    mailing.breaks("rate_limit", retry_after=30, count=1)
    assert fetch_bodies() == 0
    message = Message.objects.get()
    assert message.fetch_tries == 0
    assert message.fetch_after is not None
    assert 25 < (message.fetch_after - timezone.now()).total_seconds() <= 30
    assert registry.bucket_for("first").snapshot().held_for > 25
    # Nobody asks while it wants to be left alone.
    become_due()
    assert fetch_bodies() == 0
    assert asked(mailing) == 1


def test_a_provider_that_is_gone_stops_nothing(venue: Organization, mailing: Mailing) -> None:
    gone = announced(venue, "x")
    Message.objects.update(provider="gone")
    received(venue, mailing, "Here")
    assert fetch_bodies() == 1
    gone.refresh_from_db()
    assert gone.fetch_after is not None


def test_a_text_that_cannot_be_stored_keeps_no_other_waiting(
    venue: Organization, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfit, fit = received(venue, mailing, "One"), received(venue, mailing, "Two")
    complete_mail = mail_threads.complete_mail

    def refuse_one(message: Message, whole: MessageReceived) -> None:
        if message == unfit:
            raise DataError("It is longer than an index takes.")
        complete_mail(message, whole)

    monkeypatch.setattr(mail_threads, "complete_mail", refuse_one)

    assert fetch_bodies() == 1

    unfit.refresh_from_db()
    fit.refresh_from_db()
    assert (unfit.error_code, unfit.is_complete, fit.is_complete) == ("not_stored", False, True)
