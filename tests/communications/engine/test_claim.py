from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from communications.composing.compose import compose_message
from communications.models import Attempt, Message, Organization, Priority
from communications.models.messages import MessageQuerySet
from communications.policy import (
    provider_selection,
    suppressions,
)
from communications.sending import claims
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.conftest import Together
from tests.communications.engine.mailing import Mailing, delay, status, statuses, timeline
from tests.communications.engine.test_compose import attachment, draft
from tests.connections import Closing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_ways(mailing: Mailing) -> None: ...


def claimed(limit: int = 100, slug: str = "first") -> list[Message]:
    found = claims.claim_due("email", slug, usable=["first", "second"], limit=limit)
    return [attempt.message for load in found for attempt in load.attempts]


def test_a_claim_takes_the_message_out_of_the_outbox_with_a_lease(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.settings.LEASE_SECONDS = 60
    message = factories.message(venue)

    (found,) = claims.claim_due("email", "first", usable=["first"], limit=100)

    assert [attempt.message for attempt in found.attempts] == [message]
    assert found.call.tries == 1
    assert found.call.repeat_after is not None
    lease = (found.call.repeat_after - timezone.now()).total_seconds()
    assert 55 < lease <= 60
    message.refresh_from_db()
    assert (message.send_after, message.status) == (None, "queued")
    assert statuses(message) == ["queued"]
    assert claimed() == []


def test_every_message_is_claimed_by_exactly_one_of_many_processes(
    at_once: Together,
    venue: Organization,
) -> None:
    wanted = {str(message.pk) for message in rows.outbox(venue, 60)}

    answers = at_once(*[["claim", 7]] * 3)

    taken = Counter(attempt for calls in answers for call in calls for attempt in call)
    assert set(taken) == wanted
    assert set(taken.values()) == {1}
    assert Attempt.objects.count() == 60
    assert not Message.objects.waiting().exists()


def test_urgent_leaves_first_and_alone_then_normal_then_bulk(venue: Organization) -> None:
    bulk = factories.message(venue, priority=Priority.BULK)
    normal = factories.message(venue, priority=Priority.NORMAL)
    urgent = factories.message(venue, priority=Priority.URGENT)
    assert claims.peek_priorities("email", "first", ["first"], 2) == [
        Priority.URGENT,
        Priority.NORMAL,
    ]

    assert claimed() == [urgent]
    assert claimed() == [normal, bulk]
    assert claims.peek_priorities("email", "first", ["first"], 2) == []


def test_what_waited_longest_leaves_first(venue: Organization) -> None:
    messages = [factories.message(venue) for _ in range(3)]
    for age, message in enumerate(messages):
        at = timezone.now() - timedelta(minutes=age)
        Message.objects.filter(pk=message.pk).update(send_after=at)

    assert claimed(limit=2) == [messages[2], messages[1]]


def test_at_most_a_hundred_leave_in_one_call(venue: Organization, mailing: Mailing) -> None:
    rows.outbox(venue, 103)

    mailing.send_due()

    assert [request["path"] for request in mailing.requests()] == ["/emails/batch", "/emails/batch"]
    assert sorted(Counter(Attempt.objects.values_list("call")).values()) == [3, 100]
    assert len(mailing.mails()) == 103
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


def test_a_mail_with_attachments_travels_alone(venue: Organization, mailing: Mailing) -> None:
    first = factories.message(venue)
    heavy = factories.message(venue, attachments=[attachment(content_type="application/pdf")])
    last = factories.message(venue)

    mailing.send_due()

    carried = dict(Attempt.objects.values_list("message", "call"))
    assert carried[first.pk] == carried[last.pk] != carried[heavy.pk]
    [mail] = mailing.mails(heavy)
    shown = mailing.first.control("GET", f"/resend/emails/{mail['id']}")
    assert [event["filename"] for event in shown["attachments"]] == ["menu.pdf"]


def test_a_mail_with_attachments_that_is_first_is_taken_alone(venue: Organization) -> None:
    heavy = factories.message(venue, attachments=[attachment()])
    light = factories.message(venue)

    assert claimed() == [heavy]
    assert claimed() == [light]


def test_nothing_leaves_before_its_send_at(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue, send_at=timezone.now() + timedelta(hours=1))

    mailing.send_due()
    assert mailing.mails() == []

    mailing.pass_time()
    mailing.send_due()
    assert len(mailing.mails(message)) == 1


def test_nothing_leaves_after_its_expires_at(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue, expires_at=timezone.now() + timedelta(hours=1))
    Message.objects.update(expires_at=timezone.now())

    assert claimed() == []

    assert status(message) == Status.EXPIRED
    assert message.error.startswith("Not sent by ")
    assert timeline(message) == ["composed", "expired"]
    mailing.send_due()
    assert mailing.mails() == []


def test_an_address_closed_after_composing_is_not_written_to(
    venue: Organization,
    mailing: Mailing,
) -> None:
    closed, other = factories.message(venue), factories.message(venue)
    suppressions.suppress_address(venue, channel="email", value=closed.to, reason=Reason.OPT_OUT)

    mailing.send_due()

    assert (status(closed), status(other)) == (Status.SUPPRESSED, Status.SENT)
    assert len(mailing.mails()) == 1


def test_those_that_used_different_numbers_of_retries_travel_apart(venue: Organization) -> None:
    climbing, fresh, also_fresh = (factories.message(venue) for _ in range(3))
    rows.attempt(climbing, status=Status.FAILED, error_class="TransientError")
    Message.objects.filter(pk=climbing.pk).update(send_after=timezone.now() - timedelta(hours=1))

    assert claimed() == [climbing]
    assert claimed() == [fresh, also_fresh]


def test_what_is_bound_to_another_provider_is_left_to_it(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    message = factories.message(venue)
    climb(message, "first")
    provider_selection.reroute_messages([message.pk], via="second", send_after=timezone.now())

    assert claims.peek_priorities("email", "first", ["first", "second"], 2) == []
    assert claimed(slug="first") == []
    assert claimed(slug="second") == [message]


def test_a_provider_that_used_up_its_retries_hands_on(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    message = factories.message(venue)
    climb(message, "first")

    assert claimed() == []

    message.refresh_from_db()
    assert message.via == "second"
    assert claimed(slug="second") == [message]


def test_a_message_waits_for_the_provider_that_is_left(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    message = factories.message(venue)
    climb(message, "first")

    assert claims.claim_due("email", "first", usable=["first"], limit=100) == []

    assert 1 < delay(message) <= 2
    assert (status(message), message.via) == (Status.QUEUED, "")


def test_a_message_that_every_provider_had_is_given_up(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    message = factories.message(venue)
    climb(message, "first")
    climb(message, "second")

    assert claimed() == []

    assert status(message) == Status.FAILED
    assert timeline(message)[-1] == "given_up"


def test_what_was_bound_to_a_closed_provider_is_freed(venue: Organization) -> None:
    message = factories.message(venue)
    provider_selection.reroute_messages([message.pk], via="second", send_after=timezone.now())

    assert provider_selection.unbind_from("second", "email") == 1
    assert provider_selection.unbind_from("second", "email") == 0
    assert claimed() == [message]


@pytest.mark.usefixtures("concurrent_writers")
def test_what_somebody_is_at_is_freed_at_the_next_look(venue: Organization) -> None:
    busy, idle = factories.message(venue), factories.message(venue)
    provider_selection.reroute_messages([busy.pk, idle.pk], via="second", send_after=timezone.now())
    with Closing(1) as pool, transaction.atomic():
        Message.objects.select_for_update().get(pk=busy.pk)
        assert (
            pool.submit(provider_selection.unbind_from, "second", "email").result(timeout=30) == 1
        )
    assert provider_selection.unbind_from("second", "email") == 1


def test_looking_for_work_uses_the_index_of_the_outbox(venue: Organization) -> None:
    factories.message(venue)
    due: MessageQuerySet = Message.objects.due(timezone.now())
    plan = due.filter(channel="email", priority=Priority.NORMAL).order_by("send_after").explain()

    # PostgreSQL reads a table of one row as a whole, rightly.
    if connection.vendor == "sqlite":
        assert "message_outbox" in plan


def test_composing_again_with_a_key_does_not_send_again(
    venue: Organization,
    mailing: Mailing,
) -> None:
    compose_message(venue, draft(), idempotency_key="once")
    mailing.send_due()
    compose_message(venue, draft(), idempotency_key="once")
    mailing.send_due()

    assert len(mailing.mails()) == 1


def climb(message: Message, slug: str) -> None:
    for _ in range(6):
        rows.attempt(message, provider=slug, status=Status.FAILED, error_class="ServerFailed")
