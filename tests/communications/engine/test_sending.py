"""What follows a provider's answer: accept, retry, fail over, fail."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.models import Attempt, Event, Message, Organization, Priority, Suppression
from communications.providers import registry
from communications.sending import (
    claims,
    outcomes,
)
from tests import factories
from tests.communications.engine.mailing import (
    Json,
    Mailing,
    delay,
    status,
    statuses,
    timeline,
)
from wedsync_comms.lib.errors import OptedOut

pytestmark = pytest.mark.django_db
KEY_REJECTED: dict[str, Any] = {"status": 401, "name": "invalid_api_key"}
MAILS = ["POST /emails"]


def test_what_was_accepted_is_sent_and_remembers_by_whom(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue, reply_to="office@example.com", headers={"X-Couple": "Hart"})

    mailing.send_due()

    [mail] = mailing.mails(message)
    attempt = Attempt.objects.get()
    assert status(message) == "sent"
    assert (message.provider, message.provider_id) == ("first", mail["id"])
    assert (attempt.provider_id, attempt.response) == (mail["id"], {"id": mail["id"]})
    assert attempt.finished_at is not None
    assert mail["idempotency_key"] == str(attempt.call_id)
    assert mail["tags"] == {"message": str(message.pk), "call": str(attempt.call_id)}
    assert mail["reply_to"] == ["office@example.com"]
    assert mail["headers"] == {"X-Couple": "Hart"}
    assert timeline(message) == ["composed", "accepted"]


def test_an_organization_writes_as_itself(mailing: Mailing) -> None:
    barn = factories.organization(email_from="The Barn <barn@everafter.example>")
    own, usual = factories.message(barn), factories.message()

    mailing.send_due()

    assert mailing.mails(own)[0]["from"] == "The Barn <barn@everafter.example>"
    assert mailing.mails(usual)[0]["from"] == "Ever After <hello@everafter.example>"


def test_a_bad_mail_of_a_batch_hurts_none_of_the_others(
    venue: Organization,
    mailing: Mailing,
) -> None:
    good = [factories.message(venue) for _ in range(3)]
    bad_address, bad_text = factories.message(venue), factories.message(venue)
    Message.objects.filter(pk=bad_address.pk).update(leg_to="not an address")
    Message.objects.filter(pk=bad_text.pk).update(subject="two\nlines")

    mailing.send_due()

    assert [status(message) for message in good] == ["sent"] * 3
    assert (status(bad_address), status(bad_text)) == ("failed", "failed")
    assert Attempt.objects.get(message=bad_address).error_class == "InvalidRecipient"
    assert Attempt.objects.get(message=bad_text).error_class == "ContentRejected"
    assert "`to`" in bad_address.error
    for message in good:
        assert message.provider_id == mailing.mails(message)[0]["id"]
    assert not Message.objects.waiting().exists()
    assert registry.breaker_for("first").state().state == "closed"


def test_whoever_opted_out_at_the_provider_is_not_written_to_again(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue)
    (claimed,) = claims.claim_due("email", "first", usable=["first"], limit=100)

    # No mail provider says so today; those of short messages do.
    outcomes.record_outcomes([outcomes.CallResult(claimed, [OptedOut("STOP", code="21610")])])

    assert (status(message), message.error_code) == ("failed", "21610")
    closed = Suppression.objects.get()
    assert (closed.value, closed.reason, closed.message) == (message.to, "opt_out", message)
    again = factories.message(venue, to=message.to)
    mailing.send_due()
    assert (status(again), mailing.mails()) == ("suppressed", [])


# --- retries -------------------------------------------------------------------------------------


def test_a_provider_that_takes_nothing_is_tried_5_times_more(
    venue: Organization, mailing: Mailing, overloaded: Json
) -> None:
    mailing.settings.PROVIDERS = {"first": overloaded}
    message = factories.message(venue)

    for seconds in (1, 2, 4, 8, 16):
        mailing.send_due()
        assert status(message) == "queued"
        assert seconds - 0.5 < delay(message) <= seconds * 1.1
        mailing.pass_time()
    mailing.send_due()
    mailing.send_due()

    assert status(message) == "failed"
    assert statuses(message) == ["failed"] * 6
    assert message.error_code == "no_connection"
    assert timeline(message)[-2:] == ["failover", "given_up"]
    # One unlucky message opens no breaker.
    assert registry.breaker_for("first").state().state == "closed"


def test_every_retry_is_a_call_of_its_own(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("rate_limit", retry_after=1, count=1)
    message = factories.message(venue)

    mailing.send_until_nothing_is_left()

    assert status(message) == "sent"
    keys = [request["idempotency_key"] for request in mailing.requests()]
    assert len(set(keys)) == 2


# --- rate limited --------------------------------------------------------------------------------


def test_a_429_is_waited_out_and_costs_no_step(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("rate_limit", retry_after=7, count=8)
    message = factories.message(venue)

    for _ in range(8):
        mailing.send_due()
        assert status(message) == "queued"
        assert 6 < delay(message) <= 7
        mailing.pass_time()
    mailing.send_due()

    assert status(message) == "sent"
    assert Attempt.objects.filter(error_class="RateLimited").count() == 8
    assert len(mailing.mails()) == 1


def test_after_a_429_nobody_calls_before_the_provider_said(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("rate_limit", retry_after=30)
    factories.message(venue)
    mailing.send_due()
    factories.message(venue)
    urgent = factories.message(venue, priority=Priority.URGENT)

    mailing.send_due()

    assert len(mailing.requests()) == 1
    assert registry.bucket_for("first").snapshot().held_for > 25
    assert status(urgent) == "queued"
    assert registry.breaker_for("first").state().state == "closed"


def test_it_learns_the_rate_that_the_provider_permits(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.first.control("PATCH", "/resend", {"rate_per_second": 7})
    factories.message(venue)

    mailing.send_due()

    assert registry.bucket_for("first").snapshot().per_second == 7


# --- paused --------------------------------------------------------------------------------------


def test_a_rejected_key_pauses_the_provider_and_the_next_one_sends_at_once(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    mailing.breaks("status", **KEY_REJECTED)
    messages = [factories.message(venue) for _ in range(3)]

    mailing.send_due()

    assert [status(message) for message in messages] == ["sent"] * 3
    assert {message.provider for message in messages} == {"second"}
    assert len(mailing.requests()) == 1
    breaker = registry.breaker_for("first").state()
    assert (breaker.state, breaker.paused) == ("open", True)
    assert timeline(messages[0]) == ["composed", "failed", "failover", "accepted"]
    assert not Attempt.objects.filter(error_class="CredentialsRejected", provider="second").exists()


def test_a_message_with_one_provider_waits_for_its_key_and_is_not_burnt(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("status", **KEY_REJECTED)
    message = factories.message(venue)

    mailing.send_due()
    mailing.pass_time()
    mailing.send_due()
    assert status(message) == "queued"
    assert len(mailing.requests()) == 1

    mailing.recovers()
    registry.breaker_for("first").resume()
    mailing.send_until_nothing_is_left()
    assert status(message) == "sent"
    assert message.error == ""


# --- failover and the breaker --------------------------------------------------------------------


def test_after_the_second_failure_the_next_provider_has_it(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    mailing.breaks("status", status=503, only=MAILS)
    message = factories.message(venue)

    mailing.send_until_nothing_is_left()

    assert status(message) == "sent"
    assert message.provider == "second"
    assert statuses(message) == ["failed", "failed", "sent"]
    assert len({asked["idempotency_key"] for asked in mailing.requests()}) == 1
    assert (len(mailing.mails()), len(mailing.mails(second=True))) == (0, 1)


def test_a_message_that_no_provider_takes_fails(venue: Organization, mailing: Mailing) -> None:
    mailing.two_accounts()
    mailing.breaks("status", status=503)
    mailing.breaks("status", second=True, status=503)
    message = factories.message(venue)

    mailing.send_until_nothing_is_left()

    assert status(message) == "failed"
    # All providers together, as many as one alone.
    providers = [attempt.provider for attempt in message.attempts.all()]
    assert providers == ["first"] * 2 + ["second"] * 4
    assert timeline(message)[-1] == "given_up"


def test_a_breaker_opens_when_enough_attempts_of_enough_messages_fail(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("status", status=503)
    urgent = {"priority": Priority.URGENT}

    for number in range(5):
        message = factories.message(venue, **urgent)
        mailing.send_due()
        assert registry.breaker_for("first").state().state == "closed", number
        Message.objects.filter(pk=message.pk).update(send_after=None)
    mailing.pass_time()
    mailing.send_due()

    state = registry.breaker_for("first").state()
    assert state.state == "open"
    assert Attempt.objects.count() == 10


def test_a_failing_batch_is_one_failure(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("status", status=503)
    for _ in range(20):
        factories.message(venue)

    mailing.send_due()

    assert Attempt.objects.count() == 20
    assert registry.breaker_for("first").state().state == "closed"


def test_while_every_provider_is_closed_messages_wait_and_burn_nothing(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    for slug in ("first", "second"):
        registry.breaker_for(slug).pause("closed for the test")
    message = factories.message(venue, expires_at=timezone.now() + timedelta(hours=1))

    mailing.send_due()
    mailing.pass_time()
    mailing.send_due()
    assert (status(message), statuses(message)) == ("queued", [])

    Message.objects.update(expires_at=timezone.now())
    mailing.dispatcher.swept_at = 0.0
    mailing.send_due()
    assert (status(message), mailing.requests()) == ("expired", [])


def test_what_was_bound_to_a_provider_that_closes_goes_to_the_other(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    message = factories.message(venue)
    Message.objects.update(via="first")
    registry.breaker_for("first").pause("closed for the test")

    mailing.send_due()

    assert (status(message), message.provider) == ("sent", "second")


def test_a_provider_on_trial_gets_one_message(venue: Organization, mailing: Mailing) -> None:
    breaker = registry.breaker_for("first")
    breaker.pause("closed for the test")
    # Its cool-down is over.
    breaker._update(lambda circuit, now: (circuit.__class__(opened_at=now, retry_at=now), None))
    for _ in range(3):
        factories.message(venue)

    mailing.send_due()

    assert breaker.state().state == "closed"
    assert [request["path"] for request in mailing.requests()] == ["/emails", "/emails/batch"]


def test_the_timeline_says_once_why_a_provider_was_passed_by(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    registry.breaker_for("first").pause("401: the key is not valid")
    mailing.breaks("status", second=True, status=503, mode="before", count=1)
    message = factories.message(venue)

    mailing.send_until_nothing_is_left()

    assert (status(message), message.provider) == ("sent", "second")
    passed = Event.objects.get(message=message, kind="failover")
    assert passed.detail == "Not through first: 401: the key is not valid. Through second instead."
    assert timeline(message)[:2] == ["composed", "failover"]


# --- what the timeline says ----------------------------------------------------------------------


def test_the_timeline_says_what_was_decided(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("rate_limit", retry_after=7, count=1)
    message = factories.message(venue)

    mailing.send_until_nothing_is_left()

    assert timeline(message) == ["composed", "failed", "retry", "accepted"]
    retry = Event.objects.get(message=message, kind="retry")
    assert retry.detail == "Next try in 7 s."
    assert not Suppression.objects.exists()
