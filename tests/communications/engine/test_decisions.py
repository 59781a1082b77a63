from datetime import timedelta

import pytest
from django.utils import timezone

from communications.errors import NotPossible
from communications.messages import staff_actions
from communications.messages.transitions import record
from communications.models import (
    Attempt,
    Direction,
    Message,
    Organization,
    Suppression,
)
from communications.policy import suppressions
from communications.vocabulary.events import (
    Kind,
    Reason,
)
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.conftest import Together
from tests.communications.engine.mailing import Mailing, status, statuses, timeline

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def routes(mailing: Mailing) -> None: ...


def test_what_is_cancelled_is_not_sent(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue)

    staff_actions.cancel_message(message, by="ada")
    mailing.send_due()

    assert status(message) == "cancelled"
    assert (message.error, message.send_after) == ("Cancelled by ada.", None)
    assert timeline(message) == ["composed", "cancelled"]
    assert mailing.mails() == []


def test_a_message_between_retries_can_be_cancelled(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("rate_limit", retry_after=30, count=1)
    message = factories.message(venue)
    mailing.send_due()

    staff_actions.cancel_message(message)
    mailing.pass_time()
    mailing.send_due()

    assert (status(message), message.error) == ("cancelled", "Cancelled.")
    assert mailing.mails() == []


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ("queued", "being sent at this moment"),
        ("unknown", "may have it already"),
        ("sent", "has it already"),
        ("delivered", "delivered already"),
        ("read", "read already"),
        ("bounced", "refused by the receiving side"),
        ("failed", "nothing is left to cancel"),
        ("suppressed", "never sent"),
        ("cancelled", "cancelled already"),
        ("expired", "expired unsent"),
    ],
)
def test_what_left_the_outbox_cannot_be_cancelled(venue: Organization, now: str, why: str) -> None:
    message = rows.message(venue, status=now)

    with pytest.raises(NotPossible, match=why):
        staff_actions.cancel_message(message)

    assert (status(message), timeline(message)) == (now, [])


@pytest.mark.parametrize("now", ["failed", "bounced", "suppressed", "cancelled", "expired"])
def test_what_reached_nobody_can_be_tried_again(
    venue: Organization,
    mailing: Mailing,
    now: str,
) -> None:
    own = now if now in {"suppressed", "cancelled", "expired"} else ""
    message = rows.message(venue, status=now, decision=own, error="Because.")

    staff_actions.retry_message(message, by="ada")
    assert (status(message), message.decision, message.error) == ("queued", "", "")
    mailing.send_due()

    assert status(message) == "sent"
    assert timeline(message) == ["retried", "accepted"]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"status": "queued"}, "being sent at this moment"),
        ({"status": "unknown"}, "may have it already"),
        ({"status": "sent"}, "has it already"),
        ({"status": "delivered"}, "delivered already"),
        ({"status": "read"}, "read already"),
        ({"status": "queued", "send_after": timezone.now()}, "waiting to be sent"),
        ({"status": "delivered", "direction": Direction.INBOUND}, "reply to it instead"),
    ],
)
def test_what_may_have_arrived_is_not_tried_again(
    venue: Organization,
    columns: dict[str, object],
    why: str,
) -> None:
    message = rows.message(venue, **columns)

    with pytest.raises(NotPossible, match=why):
        staff_actions.retry_message(message)

    assert timeline(message) == []


def test_what_came_in_cannot_be_cancelled(venue: Organization) -> None:
    message = rows.message(venue, direction=Direction.INBOUND, status="delivered")

    with pytest.raises(NotPossible):
        staff_actions.cancel_message(message)


def test_a_retry_by_hand_starts_the_retries_again(venue: Organization, mailing: Mailing) -> None:
    mailing.breaks("status", status=503)
    message = factories.message(venue)
    mailing.send_until_nothing_is_left()
    assert (status(message), len(statuses(message))) == ("failed", 6)

    staff_actions.retry_message(message)
    mailing.send_until_nothing_is_left()
    assert (status(message), len(statuses(message))) == ("failed", 12)

    mailing.recovers()
    staff_actions.retry_message(message)
    mailing.send_until_nothing_is_left()
    assert (status(message), message.ladder_start) == ("sent", 13)
    assert len(mailing.mails()) == 1


def test_a_retry_of_what_expired_has_no_end_any_more(venue: Organization, mailing: Mailing) -> None:
    message = factories.message(venue, expires_at=timezone.now() + timedelta(hours=1))
    Message.objects.update(expires_at=timezone.now())
    mailing.send_due()
    assert status(message) == "expired"

    staff_actions.retry_message(message)
    mailing.send_due()

    assert (status(message), message.expires_at) == ("sent", None)


def test_a_retry_to_a_closed_address_is_refused_again_until_it_is_opened(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = factories.message(venue)
    suppressions.suppress_address(venue, channel="email", value=message.to, reason=Reason.MANUAL)
    mailing.send_due()
    staff_actions.retry_message(message)
    mailing.send_due()
    assert status(message) == "suppressed"

    suppressions.lift_suppressions(Suppression.objects.all(), by="ada")
    staff_actions.retry_message(message)
    mailing.send_due()
    assert (status(message), message.error) == ("sent", "")


def test_a_late_receipt_for_the_first_try_stops_the_second(
    venue: Organization,
    mailing: Mailing,
) -> None:
    message = rows.message(venue, status="failed")
    first = rows.attempt(message, status=Status.FAILED)
    staff_actions.retry_message(message)

    record([rows.receipt(first, Kind.DELIVERED, Status.DELIVERED)])
    mailing.send_due()

    assert (status(message), mailing.mails()) == ("delivered", [])


def test_a_message_is_either_claimed_or_cancelled(at_once: Together, venue: Organization) -> None:
    wanted = {str(message.pk) for message in rows.outbox(venue, 40)}

    calls, cancelled, also = at_once(["claim", 5], ["cancel_all"], ["cancel_all"])

    claimed = [attempt for call in calls for attempt in call]
    assert sorted([*claimed, *cancelled, *also]) == sorted(wanted)
    assert Attempt.objects.count() == len(claimed)
    assert Message.objects.filter(status="cancelled").count() == len(cancelled) + len(also)


def test_a_message_is_tried_again_once_however_many_ask(
    at_once: Together,
    venue: Organization,
) -> None:
    wanted = {str(rows.message(venue, status="failed").pk) for _ in range(20)}

    first, second = at_once(["retry_all"], ["retry_all"])

    assert sorted([*first, *second]) == sorted(wanted)
    assert Message.objects.waiting().count() == 20
