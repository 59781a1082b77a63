"""Where another provider of the route is open, nothing waits for the first one."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from communications.models import Call, Event, Message, Organization, Priority
from communications.policy import detours
from communications.policy.retry_policy import BACKOFF
from communications.providers import registry
from communications.sending import decisions
from communications.sending.decisions import History
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.channels.phones import MAIL
from tests.communications.engine import rows
from tests.communications.engine.mailing import (
    Json,
    Mailing,
    account,
    call_of,
    delay,
    since_answer,
    status,
    statuses,
    timeline,
)
from wedsync_comms.lib.errors import (
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    ServerFailed,
    TransientError,
)

pytestmark = pytest.mark.django_db

SENDING = ["POST /emails"]


@pytest.fixture
def beside(mailing: Mailing) -> Mailing:
    """Resend, with a plain mail server beside it."""
    mailing.settings.PROVIDERS = {**mailing.settings.PROVIDERS, "mail": MAIL}
    mailing.settings.ROUTES = {"email": ["first", "mail"]}
    return mailing


def providers(message: Message) -> list[str]:
    return [attempt.provider for attempt in message.attempts.all()]


def gone(mailing: Mailing) -> None:
    """Nobody listens at the first provider's address."""
    closed = account(mailing.first, "first", api_url="http://127.0.0.1:9")
    mailing.settings.PROVIDERS = {**mailing.settings.PROVIDERS, "first": closed}


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("rate_limit", {"retry_after": 3600}),
        ("rate_limit", {"retry_after": 1}),
        ("status", {"status": 401, "name": "invalid_api_key"}),
        ("status", {"status": 403, "name": "invalid_api_key"}),
        ("", {}),
    ],
)
@pytest.mark.parametrize("priority", [Priority.URGENT, Priority.BULK])
def test_what_surely_did_not_leave_asks_the_next_at_once(
    venue: Organization, beside: Mailing, fault: str, options: dict[str, Any], priority: int
) -> None:
    if fault:
        beside.breaks(fault, **options)
    else:
        gone(beside)
    message = factories.message(venue, priority=priority)

    beside.send_due()

    assert (status(message), providers(message)) == ("sent", ["first", "mail"])
    assert len(mail.outbox) == 1
    assert "Next through mail." in Event.objects.get(message=message, kind="failover").detail


@pytest.mark.parametrize(("priority", "within"), [(Priority.NORMAL, 5.0), (Priority.URGENT, 1.0)])
def test_a_failure_is_asked_about_once_more_under_its_key_and_then_the_next_is_asked(
    venue: Organization, beside: Mailing, priority: int, within: float
) -> None:
    beside.breaks("status", status=503, only=SENDING)
    message = factories.message(venue, priority=priority)

    beside.send_due()
    repeat_after = call_of(message).repeat_after
    assert repeat_after is not None
    assert since_answer(message, repeat_after) < within
    beside.pass_time()
    beside.send_due()

    assert (status(message), providers(message)) == ("sent", ["first", "first", "mail"])
    assert len({asked["idempotency_key"] for asked in beside.requests()}) == 1
    assert (len(mail.outbox), beside.mails()) == (1, [])


def test_one_that_was_carried_out_goes_no_second_way(venue: Organization, beside: Mailing) -> None:
    beside.breaks("status", status=503, mode="after", count=1)
    message = factories.message(venue)
    beside.send_until_nothing_is_left()
    assert (status(message), len(beside.mails()), mail.outbox) == ("sent", 1, [])


def test_silence_opens_no_second_way(venue: Organization, beside: Mailing) -> None:
    beside.breaks("drop_connection", mode="after", only=SENDING)
    message = factories.message(venue)
    beside.send_until_nothing_is_left()
    assert status(message) == "unknown"
    assert (len(beside.mails()), mail.outbox) == (1, [])


def test_a_batch_goes_the_second_way_as_a_whole(venue: Organization, beside: Mailing) -> None:
    beside.breaks("status", status=500, only=SENDING)
    messages = [factories.message(venue) for _ in range(4)]
    beside.send_until_nothing_is_left()
    assert {status(message) for message in messages} == {"sent"}
    assert (len(mail.outbox), beside.mails()) == (4, [])
    assert len({asked["idempotency_key"] for asked in beside.requests()}) == 1


def test_nothing_waits_for_a_provider_that_wants_to_be_left_alone(
    venue: Organization, beside: Mailing
) -> None:
    registry.bucket_for("first").hold(3600)
    message = factories.message(venue)
    beside.send_due()
    assert (status(message), providers(message)) == ("sent", ["mail"])
    why = Event.objects.get(message=message, kind="failover").detail
    assert why.startswith("Not through first: it wants to be left alone until ")
    assert why.endswith("Through mail instead.")


def test_where_both_want_to_be_left_alone_the_first_that_is_free_again_is_asked(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.two_accounts()
    mailing.breaks("rate_limit", retry_after=600, count=1)
    mailing.breaks("rate_limit", second=True, retry_after=30, count=1)
    message = factories.message(venue)
    mailing.send_due()
    assert 20 < delay(message) <= 30
    registry.bucket_for("second").hold(0)
    mailing.pass_time()
    registry.bucket_for("first").hold(600)
    mailing.send_due()
    assert (status(message), message.provider) == ("sent", "second")


def test_what_waits_for_one_leaves_as_soon_as_another_opens(
    venue: Organization, beside: Mailing
) -> None:
    registry.breaker_for("mail").pause("by hand", hold=True)
    beside.breaks("status", status=503, only=SENDING)
    message = factories.message(venue)
    for _ in range(2):
        beside.send_due()
        beside.pass_time()
    assert providers(message) == ["first"] * 2
    registry.breaker_for("mail").resume()
    beside.send_until_nothing_is_left()
    assert (status(message), message.provider) == ("sent", "mail")
    assert len(mail.outbox) == 1


def test_a_breaker_that_has_opened_lets_a_call_under_its_key_be_asked_for_once_more(
    venue: Organization, beside: Mailing
) -> None:
    beside.breaks("status", status=503, only=SENDING)
    message = factories.message(venue)
    beside.send_due()
    failures = [(f"message {number}", False) for number in range(10)]
    registry.breaker_for("first").record(failures)
    assert registry.breaker_for("first").state().state == "open"
    beside.pass_time()
    beside.send_due()
    assert (status(message), message.provider) == ("sent", "mail")


def test_a_person_who_closed_the_first_is_obeyed(venue: Organization, beside: Mailing) -> None:
    beside.breaks("status", status=503, only=SENDING)
    message = factories.message(venue)
    beside.send_due()
    registry.breaker_for("first").pause("by hand", hold=True)
    beside.pass_time()
    beside.send_due()
    assert (status(message), providers(message)) == ("unknown", ["first"])


@pytest.mark.parametrize("kind", ["overloaded", "failing"])
def test_the_tries_of_all_providers_together_stay_within_the_ladder(
    venue: Organization, mailing: Mailing, kind: str, overloaded: Json
) -> None:
    mailing.two_accounts()
    if kind == "failing":
        mailing.breaks("status", status=503)
        mailing.breaks("status", second=True, status=503)
    else:
        mailing.settings.PROVIDERS = {"first": overloaded, "second": overloaded}
    message = factories.message(venue)
    mailing.send_until_nothing_is_left()
    assert status(message) == "failed"
    assert len(statuses(message)) == len(BACKOFF) + 1
    assert set(providers(message)) == {"first", "second"}
    assert timeline(message)[-1] == "given_up"


def test_after_a_round_the_ladder_is_waited_for(
    venue: Organization, mailing: Mailing, overloaded: Json
) -> None:
    mailing.two_accounts()
    mailing.settings.PROVIDERS = {"first": overloaded, "second": overloaded}
    message = factories.message(venue)
    mailing.send_due()
    assert providers(message) == ["first", "second"]
    assert 1.5 < delay(message) <= 2.2


def test_a_sender_that_the_other_provider_refused_stays_where_it_is(
    venue: Organization, mailing: Mailing, overloaded: Json
) -> None:
    mailing.two_accounts()
    mailing.breaks("status", second=True, status=403, name="validation_error")
    mailing.settings.PROVIDERS = {**mailing.settings.PROVIDERS, "first": overloaded}
    message = factories.message(venue)
    mailing.send_due()
    assert providers(message) == ["first", "second", "first"]
    other = factories.message(venue)
    mailing.send_due()
    assert providers(other) == ["first"]


@pytest.mark.parametrize(
    ("route", "held", "reason"),
    [
        (["first"], [], "Through first, the only provider of the route."),
        (["first", "mail"], [], "Through first, the first of the route."),
        (["first", "mail"], ["first"], "Through mail, after first."),
    ],
)
def test_the_choice_stands_in_the_timeline(
    venue: Organization, beside: Mailing, route: list[str], held: list[str], reason: str
) -> None:
    beside.settings.ROUTES = {"email": route}
    for slug in held:
        registry.bucket_for(slug).hold(60)
    message = factories.message(venue)
    beside.send_due()
    assert Event.objects.get(message=message, kind="accepted").detail == reason


def test_what_is_scheduled_is_not_hurried(venue: Organization, beside: Mailing) -> None:
    later = timezone.now() + timedelta(hours=2)
    message = factories.message(venue, send_at=later)
    registry.bucket_for("first").hold(3600)
    beside.send_due()
    message.refresh_from_db()
    assert message.send_after == later


def test_without_redis_nobody_knows_another_way(
    venue: Organization, beside: Mailing, settings: Settings
) -> None:
    assert venue
    assert beside.settings is settings
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert detours.open_ways("email") == {}


def test_a_provider_that_has_left_the_route_is_named_all_the_same(
    venue: Organization, beside: Mailing
) -> None:
    message = factories.message(venue)
    beside.send_due()
    attempt = message.attempts.get()
    beside.settings.ROUTES = {"email": ["mail"]}
    assert detours.choice_sentence(attempt) == "Through first."


def called(venue: Organization, *errors: type[ProviderError]) -> History:
    """What came before the last of a call's tries, given how the earlier ones ended."""
    message = rows.message(venue)
    call = Call.objects.create(provider="first", tries=len(errors) + 1)
    for error in errors:
        rows.attempt(message, call, error_class=error.__name__, status=Status.FAILED)
    last = rows.attempt(message, call)
    return decisions.read_history([(last, ServerFailed("Again."))])


@pytest.mark.parametrize(
    ("errors", "is_disproved"),
    [
        ([ServerFailed], True),
        ([ServerFailed, TransientError], True),
        ([OutcomeUnknown, ServerFailed], False),
        ([ServerFailed, OutcomeUnknown], False),
        ([OutcomeUnknown], False),
    ],
)
def test_what_a_try_without_an_answer_carried_may_still_arrive(
    venue: Organization,
    mailing: Mailing,
    errors: list[type[ProviderError]],
    is_disproved: bool,  # noqa: FBT001
) -> None:
    mailing.two_accounts()
    assert bool(called(venue, *errors).failed) is is_disproved


def test_a_way_that_is_free_and_closed_to_this_message_shortens_no_pause(
    venue: Organization, mailing: Mailing
) -> None:
    mailing.two_accounts()
    attempt = rows.attempt(rows.message(venue))
    limit = RateLimited("Later.", retry_after=timedelta(hours=1))
    for held, pause_s in ((0.0, 3600), (60.0, 60)):
        found = decisions.soonest(limit.retry_after, attempt, {"first": 0, "second": held}, limit)
        assert found.total_seconds() == pause_s
