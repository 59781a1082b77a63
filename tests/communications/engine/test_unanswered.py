"""A lost answer: the same call again, with the same key and the same bytes, or none."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.messages.transitions import record
from communications.models import Attempt, Call, Event, Message, Organization
from communications.providers import registry
from communications.providers.base import Accepted
from communications.sending import (
    claims,
    outcomes,
    provider_call,
    reconciliation,
)
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.conftest import Together
from tests.communications.engine.mailing import (
    Mailing,
    account,
    call_of,
    delay,
    send,
    since_answer,
    status,
    statuses,
    timeline,
)
from tests.communications.engine.test_compose import attachment
from tests.processes.running import eventually

pytestmark = pytest.mark.django_db

# What may happen to an answer after the mail was taken.
LOSSES: list[dict[str, dict[str, Any]]] = [
    {"status": {"status": 500, "mode": "after", "count": 1}},
    {"status": {"status": 503, "mode": "after", "count": 3}},
    {"drop_connection": {"mode": "after", "count": 1}},
    {"bad_body": {"body": "broken", "count": 1}},
    {"bad_body": {"body": "empty", "count": 1}},
    {"hang": {"seconds": 2.5, "count": 1}},
]


def body_of(mailing: Mailing, message: Message) -> Any:
    [mail] = mailing.mails(message)
    return mailing.first.control("GET", f"/resend/emails/{mail['id']}")["request"]


@pytest.mark.parametrize("faults", LOSSES, ids=lambda loss: "-".join(map(str, loss.items()))[:40])
@pytest.mark.usefixtures("impatient")
def test_an_answer_lost_after_the_mail_was_taken_means_one_mail(
    venue: Organization,
    mailing: Mailing,
    faults: dict[str, dict[str, Any]],
) -> None:
    for name, options in faults.items():
        mailing.breaks(name, **options)
    message = factories.message(venue, attachments=[attachment()], headers={"X-B": "1", "X-A": "2"})

    mailing.send_due()
    assert status(message) == "unknown"
    mailing.send_until_nothing_is_left()

    # One that hangs is noted when it ends.
    eventually(lambda: len(mailing.requests()) == len(statuses(message)))
    assert status(message) == "sent"
    assert len(mailing.mails()) == 1
    # Every request had the same key; had one had other bytes, it would have been refused.
    assert {request["idempotency_key"] for request in mailing.requests()} == {
        str(call_of(message).pk)
    }
    assert {request["status"] for request in mailing.requests()} <= {200, 500, 503, 409, None}
    assert message.provider_id == mailing.mails()[0]["id"]
    assert statuses(message)[-1] == "sent"
    assert set(statuses(message)[:-1]) == {"failed"}


@pytest.mark.parametrize("mode", ["before", "after"])
def test_a_batch_whose_answer_is_lost_is_sent_once(
    venue: Organization,
    mailing: Mailing,
    mode: str,
) -> None:
    mailing.breaks("drop_connection", mode=mode, count=1)
    messages = [factories.message(venue) for _ in range(5)]

    mailing.send_until_nothing_is_left()

    assert [status(message) for message in messages] == ["sent"] * 5
    assert [len(mailing.mails(message)) for message in messages] == [1] * 5
    assert len({request["idempotency_key"] for request in mailing.requests()}) == 1
    for message in messages:
        assert message.provider_id == mailing.mails(message)[0]["id"]


def test_a_repeated_call_has_the_same_bytes(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue, headers={"X-Long": "1", "X-A": "2"}, html="<p>é</p>")
    (claimed,) = claims.claim_due("email", "first", usable=["first"], limit=100)
    provider = registry.provider_for("first")
    first = [
        provider_call.as_outbound(attempt, provider)
        for attempt in claims.last_attempts(claimed.call)
    ]
    mailing.pass_time()

    again = claims.claim_repeat(claimed.call.pk)

    assert again is not None
    second = [
        provider_call.as_outbound(attempt, provider) for attempt in claims.last_attempts(again.call)
    ]
    assert first == second
    assert [list(outbound.headers) for outbound in first] == [
        list(outbound.headers) for outbound in second
    ]
    send(again)
    assert body_of(mailing, message)["headers"] == {"X-Long": "1", "X-A": "2"}


def test_the_pauses_between_repetitions_are_those_of_the_backoff(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("status", status=503)
    message = factories.message(venue)

    for seconds in (1, 2, 4, 8, 16):
        mailing.send_due()
        repeat_after = call_of(message).repeat_after
        assert repeat_after is not None
        assert seconds - 0.5 < since_answer(message, repeat_after) <= seconds * 1.1
        mailing.pass_time()

    assert len(mailing.requests()) == 5


# After a lost answer, whatever is said to the repetition: it may have been carried out before.
SECOND_ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("rate_limit", {"retry_after": 1}),
    ("status", {"status": 401, "name": "invalid_api_key"}),
    ("status", {"status": 403, "name": "validation_error"}),
    ("status", {"status": 500}),
    ("drop_connection", {"mode": "before"}),
]


@pytest.mark.parametrize(("name", "options"), SECOND_ANSWERS)
def test_no_answer_to_a_repetition_leads_to_a_second_mail(
    venue: Organization,
    mailing: Mailing,
    name: str,
    options: dict[str, Any],
) -> None:
    mailing.two_accounts()
    mailing.breaks("bad_body", body="broken", count=1)
    message = factories.message(venue)
    mailing.send_due()
    mailing.recovers()
    mailing.breaks(name, **options, count=1)
    mailing.pass_time()
    mailing.send_due()
    assert (status(message), message.send_after) == ("unknown", None)

    registry.breaker_for("first").resume()
    mailing.send_until_nothing_is_left()

    assert status(message) == "sent"
    assert (len(mailing.mails()), len(mailing.mails(second=True))) == (1, 0)


def test_a_provider_that_is_gone_after_a_lost_answer_is_asked_and_not_replaced(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    mailing.breaks("bad_body", body="broken", count=1)
    message = factories.message(venue)
    mailing.send_due()
    present = mailing.settings.PROVIDERS
    gone = account(mailing.first, "first", api_url="http://127.0.0.1:9")
    mailing.settings.PROVIDERS = {**present, "first": gone}

    for _ in range(8):
        mailing.pass_time()
        mailing.send_due()

    assert (status(message), message.send_after) == ("unknown", None)
    assert (len(mailing.mails()), len(mailing.mails(second=True))) == (1, 0)

    mailing.settings.PROVIDERS = present
    mailing.dispatcher.reachability.outages.clear()
    registry.breaker_for("first").reached()
    mailing.send_until_nothing_is_left()
    assert status(message) == "sent"
    assert (len(mailing.mails()), len(mailing.mails(second=True))) == (1, 0)


def test_one_given_to_the_next_provider_is_in_no_call_that_is_repeated(
    venue: Organization,
    mailing: Mailing,
) -> None:
    """One message with no retry left, one with all of them, and a provider that fails once."""
    mailing.two_accounts()
    top, foot = factories.message(venue), factories.message(venue)
    for _ in range(5):
        rows.attempt(top, provider="first", status=Status.FAILED, error_class="TransientError")
    mailing.breaks("status", status=503, count=2)

    mailing.send_until_nothing_is_left()

    assert (status(top), status(foot)) == ("sent", "sent")
    for message in (top, foot):
        assert len(mailing.mails(message)) + len(mailing.mails(message, second=True)) == 1


# --- crashes -------------------------------------------------------------------------------------


def claim_and_die(mailing: Mailing, *, sent: bool) -> claims.Claim:
    """A process that is gone before it wrote down an answer, or before it even asked."""
    (claimed,) = claims.claim_due("email", "first", usable=["first"], limit=100)
    if sent:
        provider = registry.provider_for("first")
        carried = claims.last_attempts(claimed.call)
        provider.send(
            [provider_call.as_outbound(attempt, provider) for attempt in carried],
            key=str(claimed.call.pk),
        )
    mailing.pass_time()
    return claimed


@pytest.mark.parametrize("sent", [True, False])
def test_a_process_that_dies_with_a_call_loses_and_doubles_nothing(
    venue: Organization,
    mailing: Mailing,
    *,
    sent: bool,
) -> None:
    messages = [factories.message(venue) for _ in range(3)]
    claim_and_die(mailing, sent=sent)

    mailing.send_until_nothing_is_left()

    assert [status(message) for message in messages] == ["sent"] * 3
    assert [len(mailing.mails(message)) for message in messages] == [1] * 3
    assert timeline(messages[0]) == ["composed", "unanswered", "accepted"]
    assert statuses(messages[0]) == ["failed", "sent"]
    lost = Attempt.objects.filter(message=messages[0]).earliest("number")
    assert (lost.error_code, lost.error_class) == ("lost", "OutcomeUnknown")


def test_a_process_that_wakes_up_late_leaves_the_rest_to_its_successor(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("rate_limit", retry_after=1, count=1)
    message = factories.message(venue)
    slow = claim_and_die(mailing, sent=False)
    taken_over = claims.claim_repeat(slow.call.pk)
    assert taken_over is not None

    send(claims.Claim(slow.call, list(slow.attempts)))
    message.refresh_from_db()
    assert message.send_after is None

    mailing.recovers()
    send(taken_over)
    assert status(message) == "sent"
    assert len(mailing.mails()) == 1


def test_what_a_late_process_was_told_to_be_accepted_is_kept(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue)
    slow = claim_and_die(mailing, sent=False)
    assert claims.claim_repeat(slow.call.pk) is not None

    outcomes.record_outcomes([outcomes.CallResult(slow, [Accepted(provider_id="re_late")])])

    assert (status(message), message.provider_id) == ("sent", "re_late")
    assert Call.objects.get().repeat_after is not None


def test_a_receipt_that_comes_before_the_repetition_ends_the_call(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue)
    claimed = claim_and_die(mailing, sent=True)
    record([rows.receipt(claimed.attempts[0], Kind.DELIVERED, Status.DELIVERED)])
    asked = len(mailing.requests())

    mailing.send_due()

    assert status(message) == "delivered"
    assert call_of(message).repeat_after is None
    assert len(mailing.requests()) == asked


def test_only_those_without_an_answer_get_another_attempt(
    venue: Organization,
    mailing: Mailing,
) -> None:
    known, lost = factories.message(venue), factories.message(venue)
    claimed = claim_and_die(mailing, sent=True)
    of_known = next(attempt for attempt in claimed.attempts if attempt.message_id == known.pk)
    record([rows.receipt(of_known, Kind.BOUNCED, Status.BOUNCED)])

    mailing.send_due()

    assert (status(known), statuses(known)) == ("bounced", ["bounced"])
    assert (status(lost), statuses(lost)) == ("sent", ["failed", "sent"])
    # The call was the same one all the same.
    assert len(mailing.mails()) == 2
    assert mailing.requests()[-1]["status"] == 200


def test_a_message_tried_again_by_staff_is_no_obstacle_to_its_old_call(
    venue: Organization,
    mailing: Mailing,
) -> None:
    again, lost = factories.message(venue), factories.message(venue)
    claimed = claim_and_die(mailing, sent=False)
    of_again = next(attempt for attempt in claimed.attempts if attempt.message_id == again.pk)
    record([rows.receipt(of_again, Kind.FAILED, Status.FAILED)])
    rows.attempt(again, provider="second", status=Status.FAILED)

    mailing.send_due()

    assert statuses(again) == ["failed", "failed"]
    assert status(lost) == "sent"


def test_a_call_is_repeated_by_one_of_many_processes(
    at_once: Together,
    venue: Organization,
) -> None:
    call = Call.objects.create(provider="resend", repeat_after=timezone.now(), tries=1)
    rows.attempt(rows.message(venue), call)

    answers = at_once(*[["repeat_all", call.pk]] * 3)

    assert sorted(answers) == [[], [], [str(call.pk)]]
    call.refresh_from_db()
    assert call.tries == 2


def test_a_call_that_another_process_repeats_is_left_to_it(
    venue: Organization,
    mailing: Mailing,
) -> None:
    factories.message(venue)
    claimed = claim_and_die(mailing, sent=False)

    assert claims.claim_repeat(claimed.call.pk) is not None
    assert claims.claim_repeat(claimed.call.pk) is None


def test_a_call_whose_key_is_forgotten_is_not_repeated(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue)
    claimed = claim_and_die(mailing, sent=True)
    yesterday = timezone.now() - timedelta(days=1)
    Call.objects.filter(pk=claimed.call.pk).update(created_at=yesterday)
    asked = len(mailing.requests())

    mailing.send_due()

    assert (status(message), call_of(message).repeat_after) == ("unknown", None)
    assert len(mailing.requests()) == asked
    retry = Event.objects.get(message=message, kind="retry")
    assert "waiting for a receipt" in retry.detail


def test_a_bug_of_ours_while_sending_counts_as_a_lost_answer(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue)
    Message.objects.update(headers="no mapping")

    mailing.send_due()

    assert status(message) == "unknown"
    assert Attempt.objects.get().error_code == "crashed"


# --- after the last retry -----------------------------------------------------------------------


@pytest.fixture
def silent(venue: Organization, mailing: Mailing) -> Message:
    """Taken by the provider, which never said so; no retry is left."""
    mailing.breaks("drop_connection", mode="after")
    message = factories.message(venue)
    mailing.send_until_nothing_is_left()
    assert (status(message), len(statuses(message))) == ("unknown", 6)
    assert timeline(message)[-1] == "retry"
    return message


def age(message: Message) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Attempt.objects.filter(message=message).update(started_at=an_hour_ago)


def test_an_answer_that_never_comes_is_waited_for_and_then_given_up(silent: Message) -> None:
    assert reconciliation.resolve_unknown() == 0
    age(silent)
    assert reconciliation.resolve_unknown() == 0
    worn_out(silent)

    assert reconciliation.resolve_unknown() == 1

    assert (status(silent), silent.send_after) == ("failed", None)
    assert set(statuses(silent)) == {"failed"}
    assert timeline(silent).count("given_up") == 1
    assert reconciliation.resolve_unknown() == 0


def worn_out(message: Message) -> None:
    """Its provider has refused to tell once a minute, for half an hour but one."""
    last = timezone.now() - reconciliation.REFUSAL_COUNTS_EVERY
    counted = {"refusals": reconciliation.MOST_REFUSALS - 1, "refused_at": last}
    Call.objects.filter(attempts__message=message).update(**counted)


@pytest.mark.parametrize("fault", ["rate_limit", "status"])
def test_a_question_that_is_refused_after_an_outage_gives_nothing_up(
    silent: Message, mailing: Mailing, fault: str
) -> None:
    options: dict[str, Any] = {"retry_after": 1} if fault == "rate_limit" else {"status": 503}
    age(silent)
    mailing.recovers()
    mailing.breaks(fault, only=["GET /emails"], **options)

    for _ in range(3):
        assert reconciliation.resolve_unknown() == 0
        mailing.pass_time()

    # However often it is asked, once a minute counts.
    assert status(silent) == "unknown"
    assert Call.objects.get(attempts=silent.attempts.latest("number")).refusals == 1
    mailing.recovers()
    assert reconciliation.resolve_unknown() == 1
    assert (status(silent), len(mailing.mails())) == ("sent", 1)


def lists(mailing: Mailing) -> int:
    return len([asked for asked in mailing.requests() if asked["method"] == "GET"])


def test_what_is_lost_of_a_batch_is_asked_for_once(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("drop_connection", mode="after", count=6)
    messages = [factories.message(venue) for _ in range(4)]
    mailing.send_until_nothing_is_left()
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=40))

    assert reconciliation.resolve_unknown() == 4

    assert [status(message) for message in messages] == ["sent"] * 4
    assert len({message.provider_id for message in messages}) == 4
    assert lists(mailing) == 1


@pytest.mark.parametrize("why", ["no slot", "no time"])
def test_who_may_not_be_asked_now_is_neither_asked_nor_given_up(
    silent: Message, mailing: Mailing, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    age(silent)
    if why == "no slot":
        registry.bucket_for("first").hold(60)
    else:
        monkeypatch.setattr(reconciliation, "ROUND_S", -1.0)
    assert reconciliation.resolve_unknown() == 0
    assert (status(silent), lists(mailing)) == ("unknown", 0)


def test_a_receipt_that_comes_after_giving_up_still_wins(silent: Message, mailing: Mailing) -> None:
    age(silent)
    worn_out(silent)
    reconciliation.resolve_unknown()
    last = Attempt.objects.filter(message=silent).latest("number")

    record([rows.receipt(last, Kind.DELIVERED, Status.DELIVERED)])

    assert (status(silent), silent.error) == ("delivered", "")
    assert len(mailing.mails()) == 1


def test_what_is_still_being_repeated_is_not_given_up(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("status", status=503)
    message = factories.message(venue)
    mailing.send_due()
    age(message)

    assert reconciliation.resolve_unknown() == 0


def test_a_message_rate_limited_at_first_is_planned_and_not_repeated(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("rate_limit", retry_after=5)
    message = factories.message(venue)

    mailing.send_due()

    assert call_of(message).repeat_after is None
    assert 4 < delay(message) <= 5
