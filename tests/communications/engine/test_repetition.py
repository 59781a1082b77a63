"""Before a call is repeated the same is asked as before it was made, about all that it carries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.models import Attempt, Call, Message, Organization
from communications.policy import suppressions
from communications.providers import registry
from communications.sending import claims, reconciliation
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine.mailing import (
    Mailing,
    call_of,
    status,
    statuses,
    timeline,
)
from tests.communications.engine.test_unanswered import claim_and_die

pytestmark = pytest.mark.django_db

SENDING = ["POST /emails"]


def expires(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def suppresses(message: Message) -> None:
    suppressions.suppress_address(
        message.organization, channel="email", value=message.to, reason=Reason.OPT_OUT
    )


MEANWHILE = {"expired": expires, "suppressed": suppresses}
Deed = Callable[[Message], None]


def lost(mailing: Mailing, mode: str = "before", count: int = 1, **fields: Any) -> None:
    """The next so many answers."""
    mailing.breaks("status", status=503, mode=mode, count=count, only=SENDING, **fields)


def find_out(mailing: Mailing) -> None:
    """Has the lost answers found out, and sends what may be sent then."""
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=40))
    reconciliation.resolve_unknown()
    mailing.send_until_nothing_is_left()


@pytest.mark.parametrize("word", MEANWHILE)
def test_what_may_not_be_sent_any_more_is_not_sent_by_a_repetition(
    venue: Organization, mailing: Mailing, word: str
) -> None:
    lost(mailing)
    message = factories.message(venue)
    mailing.send_due()
    MEANWHILE[word](message)

    mailing.send_until_nothing_is_left()
    assert status(message) == "unknown"
    assert len(mailing.requests()) == 1
    find_out(mailing)

    assert (status(message), mailing.mails()) == (word, [])
    assert statuses(message) == ["failed"]
    assert timeline(message) == ["composed", "unanswered", "retry", "retry", "given_up", word]


@pytest.mark.parametrize("word", MEANWHILE)
def test_it_was_sent_all_the_same_where_the_provider_has_it(
    venue: Organization, mailing: Mailing, word: str
) -> None:
    lost(mailing, mode="after")
    message = factories.message(venue)
    mailing.send_due()
    MEANWHILE[word](message)

    mailing.send_until_nothing_is_left()
    assert status(message) == "unknown"
    find_out(mailing)

    assert status(message) == "sent"
    assert message.provider_id == mailing.mails()[0]["id"]
    assert len(mailing.mails()) == 1


@pytest.mark.parametrize("word", MEANWHILE)
def test_after_two_failures_over_one_key_it_is_known_at_once_that_it_never_left(
    venue: Organization, mailing: Mailing, word: str
) -> None:
    lost(mailing, count=2)
    message = factories.message(venue)
    for _ in range(2):
        mailing.send_due()
        mailing.pass_time()
    MEANWHILE[word](message)

    mailing.send_due()

    assert (status(message), mailing.mails()) == (word, [])
    assert set(statuses(message)) == {"failed"}
    assert len([asked for asked in mailing.requests() if asked["method"] == "POST"]) == 2


def test_after_silence_two_failures_prove_nothing(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("drop_connection", mode="before", count=1, only=SENDING)
    message = factories.message(venue)
    mailing.send_due()
    lost(mailing, count=2)
    for _ in range(2):
        mailing.pass_time()
        mailing.send_due()
    assert len(statuses(message)) == 3
    expires(message)
    mailing.pass_time()

    mailing.send_due()
    assert (status(message), timeline(message)[-1]) == ("unknown", "retry")
    find_out(mailing)

    assert (status(message), mailing.mails()) == ("expired", [])


def test_what_a_crash_left_behind_is_asked_the_same(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue)
    claim_and_die(mailing, sent=False)
    expires(message)

    mailing.send_until_nothing_is_left()
    assert status(message) == "unknown"
    find_out(mailing)

    assert (status(message), mailing.mails()) == ("expired", [])


def test_a_pause_changes_nothing_about_it(venue: Organization, mailing: Mailing) -> None:
    lost(mailing)
    message = factories.message(venue)
    mailing.send_due()
    registry.breaker_for("first").pause("by hand", hold=True)
    mailing.pass_time()
    mailing.send_due()
    expires(message)
    registry.breaker_for("first").resume()
    mailing.send_until_nothing_is_left()
    find_out(mailing)
    assert (status(message), mailing.mails()) == ("expired", [])


def test_what_expires_while_its_provider_is_paused_is_settled_without_it(
    venue: Organization, mailing: Mailing
) -> None:
    lost(mailing)
    message, other = factories.message(venue), factories.message(venue)
    mailing.send_due()
    registry.breaker_for("first").pause("by hand", hold=True)
    mailing.pass_time()
    mailing.send_due()
    expires(message)
    mailing.send_due()
    assert (status(message), call_of(message).repeat_after) == ("unknown", None)
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=40))
    reconciliation.resolve_unknown()
    mailing.send_due()
    assert (status(message), status(other), mailing.mails()) == ("expired", "queued", [])
    assert len([asked for asked in mailing.requests() if asked["method"] == "POST"]) == 1


def test_what_was_taken_and_expired_since_makes_no_call_at_a_provider_that_is_held(
    venue: Organization, mailing: Mailing
) -> None:
    lost(mailing)
    taken, other = factories.message(venue), factories.message(venue)
    mailing.send_due()
    Attempt.objects.filter(message=taken).update(status=Status.SENT)
    registry.breaker_for("first").pause("by hand", hold=True)
    expires(taken)
    mailing.pass_time()

    mailing.send_due()

    assert len(mailing.requests()) == 1
    assert (status(other), call_of(other).tries) == ("unknown", 1)
    assert call_of(other).repeat_after is not None


@pytest.mark.parametrize("tries", [1, 3])
def test_what_expires_is_settled_also_where_another_provider_is_open(
    venue: Organization, mailing: Mailing, tries: int
) -> None:
    lost(mailing)
    mailing.two_accounts()
    message = factories.message(venue)
    mailing.send_due()
    Call.objects.update(tries=tries)
    registry.breaker_for("first").record([(str(number), False) for number in range(20)])
    expires(message)
    mailing.pass_time()

    mailing.send_due()

    assert (status(message), call_of(message).repeat_after) == ("unknown", None)
    assert len(mailing.requests()) == 1
    # Another process may have had the same in mind.
    claims.withdraw_expired(call_of(message).pk)
    assert call_of(message).tries == tries + 1


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("word", MEANWHILE)
def test_the_others_of_a_batch_arrive_once_and_it_does_not_break_the_keys_promise(
    venue: Organization, mailing: Mailing, word: str, mode: str
) -> None:
    lost(mailing, mode)
    messages = [factories.message(venue) for _ in range(4)]
    mailing.send_due()
    key = call_of(messages[0]).pk
    MEANWHILE[word](messages[1])

    mailing.send_until_nothing_is_left()
    assert {status(message) for message in messages} == {"unknown"}
    find_out(mailing)

    refused = word if mode == "before" else "sent"
    assert [status(message) for message in messages] == ["sent", refused, "sent", "sent"]
    sent = messages if mode == "after" else [messages[0], *messages[2:]]
    assert [len(mailing.mails(message)) for message in sent] == [1] * len(sent)
    assert len(mailing.mails()) == len(sent)
    posted = [asked for asked in mailing.requests() if asked["method"] == "POST"]
    assert [asked["idempotency_key"] for asked in posted].count(str(key)) == 1
    assert {asked["status"] for asked in posted} <= {200, 503}


def test_the_others_of_a_batch_that_surely_never_left_need_not_wait(
    venue: Organization, mailing: Mailing
) -> None:
    lost(mailing, count=2)
    messages = [factories.message(venue) for _ in range(3)]
    for _ in range(2):
        mailing.send_due()
        mailing.pass_time()
    suppresses(messages[2])

    mailing.send_due()

    assert [status(message) for message in messages] == ["sent", "sent", "suppressed"]
    assert [len(mailing.mails(message)) for message in messages] == [1, 1, 0]


def test_a_mail_that_expires_soon_takes_no_others_along(
    venue: Organization, mailing: Mailing
) -> None:
    soon = timezone.now() + timedelta(seconds=30)
    short = factories.message(venue, expires_at=soon)
    others = [
        factories.message(venue),
        factories.message(venue, expires_at=soon + timedelta(hours=3)),
    ]
    mailing.send_due()
    assert call_of(others[0]) == call_of(others[1]) != call_of(short)


def test_what_was_cancelled_in_its_plan_is_not_sent_by_an_old_call(
    venue: Organization, mailing: Mailing
) -> None:
    lost(mailing)
    message = factories.message(venue)
    mailing.send_due()
    Message.objects.filter(pk=message.pk).update(decision="cancelled")
    mailing.send_until_nothing_is_left()
    find_out(mailing)
    assert (status(message), mailing.mails()) == ("cancelled", [])


def test_a_step_whose_time_is_over_is_not_repeated(venue: Organization, mailing: Mailing) -> None:
    lost(mailing)
    contact = factories.contact(venue)
    message = factories.message(
        venue,
        to="",
        contact=contact.pk,
        fallback=[{"channel": "email", "after_seconds": 60}],
    )
    mailing.send_due()
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.filter(pk=message.pk).update(escalate_at=past)
    reconciliation.escalate_overdue()
    mailing.send_until_nothing_is_left()
    assert status(message) == "sent"
    find_out(mailing)
    # The copy of the second step, and none of the first.
    assert len(mailing.mails(message)) == 1


def test_where_nobody_can_be_asked_a_refusal_outlives_the_doubt(
    venue: Organization, mailing: Mailing
) -> None:
    """With a key that may only send."""
    lost(mailing)
    message = factories.message(venue, resend_if_unknown=True)
    mailing.send_due()
    suppresses(message)
    mailing.send_until_nothing_is_left()
    restricted: Any = {"status": 401, "name": "restricted_api_key", "only": ["GET /emails"]}
    mailing.breaks("status", **restricted)
    find_out(mailing)
    assert status(message) == "unknown"
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=1))
    reconciliation.resolve_unknown()
    mailing.send_until_nothing_is_left()
    assert (status(message), mailing.mails()) == ("suppressed", [])
