from datetime import timedelta

import pytest

from communications.messages.transitions import (
    Change,
    SendPlan,
    record,
)
from communications.models import Call, Event, Organization
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status
from tests.communications.engine import rows
from tests.communications.engine.conftest import Together
from tests.communications.engine.mailing import status, statuses
from tests.communications.engine.rows import NOW, receipt


def test_it_raises_the_attempt_and_names_the_message_after_it(venue: Organization) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message)

    [event] = record([receipt(attempt, Kind.DELIVERED, Status.DELIVERED)])

    assert status(message) == Status.DELIVERED
    assert statuses(message) == ["delivered"]
    assert (message.provider, message.provider_id) == ("first", "id-1")
    assert (event.message_status, event.changed, event.source) == ("delivered", True, "webhook")
    assert event.occurred_at == NOW


def test_a_late_receipt_does_not_move_it_down_but_is_kept(venue: Organization) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message)
    record([receipt(attempt, Kind.DELIVERED, Status.DELIVERED)])

    [late] = record([receipt(attempt, Kind.SENT, Status.SENT)])

    assert status(message) == Status.DELIVERED
    assert (late.status, late.message_status, late.changed) == ("sent", "delivered", False)


@pytest.mark.parametrize("order", [1, -1])
def test_a_bounce_beats_a_delivery_and_says_why(venue: Organization, order: int) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message)
    bounced = receipt(attempt, Kind.BOUNCED, Status.BOUNCED, error_code="550", detail="Full.")

    record([receipt(attempt, Kind.DELIVERED, Status.DELIVERED), bounced][::order])

    assert status(message) == Status.BOUNCED
    assert (message.error_code, message.error) == ("550", "Full.")


@pytest.mark.parametrize("order", [1, -1])
def test_a_delivery_beats_a_failure_and_clears_its_error(venue: Organization, order: int) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message)
    failed = receipt(attempt, Kind.FAILED, Status.FAILED, error_code="lost", detail="Lost.")

    record([failed, receipt(attempt, Kind.DELIVERED, Status.DELIVERED)][::order])

    attempt.refresh_from_db()
    assert status(message) == Status.DELIVERED
    assert (message.error_code, message.error) == ("", "")
    assert (attempt.error_code, attempt.error) == ("", "")


@pytest.mark.parametrize("order", [1, -1])
def test_a_bounce_explains_itself_also_after_a_failure(venue: Organization, order: int) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message)
    failed = receipt(attempt, Kind.FAILED, Status.FAILED, error_code="failed")

    record([failed, receipt(attempt, Kind.BOUNCED, Status.BOUNCED, error_code="550")][::order])

    message.refresh_from_db()
    assert message.error_code == "550"


def test_a_receipt_for_an_attempt_that_was_failed_over_still_counts(venue: Organization) -> None:
    message = rows.message(venue)
    first = rows.attempt(message, provider="first", status=Status.FAILED)
    rows.attempt(message, provider="second", status=Status.FAILED)

    record([receipt(first, Kind.DELIVERED, Status.DELIVERED)])

    assert status(message) == Status.DELIVERED
    assert message.provider == "first"


def test_what_arrived_is_not_tried_again(venue: Organization) -> None:
    message = rows.message(venue, send_after=NOW)
    first = rows.attempt(message, status=Status.FAILED)

    record([receipt(first, Kind.DELIVERED, Status.DELIVERED)])

    message.refresh_from_db()
    assert message.send_after is None


def test_what_arrived_in_spite_of_a_decision_shows_who_brought_it(venue: Organization) -> None:
    message = rows.message(venue, decision=Status.CANCELLED, error="Cancelled.", status="cancelled")
    attempt = rows.attempt(message, status=Status.FAILED)

    record([receipt(attempt, Kind.DELIVERED, Status.DELIVERED)])

    assert status(message) == Status.DELIVERED
    assert (message.provider, message.error) == ("first", "")


def test_the_same_event_is_the_same_fact(venue: Organization) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message)
    change = receipt(attempt, Kind.SENT, Status.SENT)

    assert len(record([change, change])) == 1
    assert record([change]) == []
    assert Event.objects.filter(message=message).count() == 1


def test_two_providers_may_use_one_event_id(venue: Organization) -> None:
    message = rows.message(venue)
    first, second = rows.attempt(message), rows.attempt(message, provider="second")
    first_receipt = receipt(first, Kind.SENT, Status.SENT, event_id="evt_1")
    two = receipt(second, Kind.SENT, Status.SENT, event_id="evt_1")

    assert len(record([first_receipt, two])) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_one_answer_settles_the_repetitions_without_one(venue: Organization, order: int) -> None:
    message = rows.message(venue)
    call = Call.objects.create(provider="first")
    asked = [rows.attempt(message, call) for _ in range(3)]
    lost = [receipt(attempt, Kind.UNANSWERED, Status.UNKNOWN) for attempt in asked[:2]]

    record([*lost, receipt(asked[2], Kind.ACCEPTED, Status.SENT)][::order])

    assert statuses(message) == ["failed", "failed", "sent"]
    assert status(message) == Status.SENT


def test_an_answer_settles_nothing_of_another_call(venue: Organization) -> None:
    message = rows.message(venue)
    lost, other = rows.attempt(message, status=Status.UNKNOWN), rows.attempt(message)

    record([receipt(other, Kind.FAILED, Status.FAILED)])

    assert statuses(message) == ["unknown", "failed"]
    lost.refresh_from_db()
    assert status(message) == Status.UNKNOWN


def test_the_first_opening_counts_whenever_it_is_heard_of(venue: Organization) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message)
    earlier = NOW - timedelta(hours=1)

    for at in (NOW, earlier, NOW):
        record([receipt(attempt, Kind.OPENED, None, occurred_at=at)])

    message.refresh_from_db()
    assert message.opened_at == earlier
    assert message.status == Status.QUEUED


def test_a_change_of_an_attempt_that_is_gone_is_still_an_event(venue: Organization) -> None:
    message = rows.message(venue)

    [event] = record([Change(message=message.pk, attempt=99, kind=Kind.OTHER, provider="first")])

    assert event.attempt_id is None
    assert event.source == Source.SYSTEM


def test_a_plan_puts_it_into_the_outbox_and_a_decision_takes_it_out(venue: Organization) -> None:
    message = rows.message(venue)

    record([Change(message=message.pk, kind=Kind.RETRY, plan=SendPlan(NOW, via="second"))])
    message.refresh_from_db()
    assert (message.send_after, message.via) == (NOW, "second")

    decided = Change(
        message=message.pk,
        kind=Kind.EXPIRED,
        decision=Status.EXPIRED,
        error_code="expired",
        detail="Too late.",
    )
    record([decided])
    message.refresh_from_db()
    assert (message.send_after, message.status, message.error) == (None, "expired", "Too late.")


def test_receipts_of_many_processes_at_once_lose_nothing(
    at_once: Together,
    venue: Organization,
) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message, provider="resend")
    facts = ["sent", "delivered", "bounced"]

    at_once(*(["receipts", attempt.pk, message.pk, fact, 15] for fact in facts))

    assert status(message) == Status.BOUNCED
    assert statuses(message) == ["bounced"]
    assert Event.objects.filter(message=message).count() == 45
    # Each change of the status is told once, whoever made it.
    changes = Event.objects.filter(message=message, changed=True).order_by("id")
    ranks = [Status(event.message_status).rank for event in changes]
    assert ranks == sorted(set(ranks))


def test_one_receipt_applied_by_many_processes_counts_once(
    at_once: Together,
    venue: Organization,
) -> None:
    message = rows.message(venue)
    attempt = rows.attempt(message, provider="resend")

    new = at_once(*[["same_receipts", attempt.pk, message.pk, 15]] * 3)

    assert sum(new) == Event.objects.filter(message=message).count() == 15
