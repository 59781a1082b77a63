"""What providers tell later: failures that are tried again, that lead elsewhere, and the end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from communications.models import Event, Message, Organization
from communications.providers import registry
from communications.sending import receipt_polling
from tests.communications.channels.phones import (
    Phones,
    attempts,
    explanations,
    guest,
    last,
    status,
    statuses,
    timeline,
    twilio_account,
    write,
)

PLAN = [{"channel": "email"}]


def sent(venue: Organization, phones: Phones, channel: str = "sms", **fields: object) -> Message:
    return phones.send(write(guest(venue), channel, **fields))


@pytest.mark.parametrize(
    ("says", "ends"),
    [
        (("queued", "sending", "sent"), "sent"),
        (("sent", "delivered"), "delivered"),
        (("delivered", "sent", "queued"), "delivered"),
        (("delivered", "undelivered"), "delivered"),
        (("undelivered", "delivered"), "delivered"),
        (("failed",), "failed"),
        (("canceled",), "failed"),
    ],
)
def test_in_whatever_order_they_come(
    venue: Organization,
    phones: Phones,
    says: tuple[str, ...],
    ends: str,
) -> None:
    message = sent(venue, phones)
    for word in says:
        phones.twilio_says(last(message), word)
    for word in says:
        phones.twilio_says(last(message), word)
    assert status(message) == ends
    assert len(phones.copies(message)) == 1


def test_what_never_left_is_sent_again_up_the_ladder(venue: Organization, phones: Phones) -> None:
    message = sent(venue, phones)
    for place, seconds in enumerate((1, 2, 4, 8, 16)):
        phones.twilio_says(last(message), "failed", "30001")
        assert status(message) == "queued"
        assert f"Next try in {seconds} s." in explanations(message)
        phones.pass_time(seconds=20)
        assert phones.send(message).status == "sent"
        assert len(attempts(message)) == place + 2
    phones.twilio_says(last(message), "failed", "30001")
    phones.send_due()
    assert status(message) == "failed"
    assert timeline(message)[-1] == "given_up"
    assert len(phones.copies(message)) == 6


def test_when_the_ladder_is_climbed_the_next_provider_and_the_plan_follow(
    venue: Organization,
    phones: Phones,
) -> None:
    phones.settings.PROVIDERS = {
        **phones.settings.PROVIDERS,
        "other": twilio_account(phones.sandbox.url),
    }
    phones.settings.ROUTES = {**phones.settings.ROUTES, "sms": ["twilio", "other"]}
    message = sent(venue, phones, fallback=PLAN)
    for _ in range(12):
        phones.twilio_says(last(message), "failed", "30001")
        phones.pass_time(seconds=20)
        phones.send_due()
    providers = [attempt.provider for attempt in attempts(message)]
    assert providers == ["twilio"] * 6 + ["other"] * 6 + ["mail"]
    assert status(message) == "sent"
    assert "Not through twilio: " in explanations(message)


def test_a_failure_told_twice_is_tried_again_once(venue: Organization, phones: Phones) -> None:
    message = sent(venue, phones)
    first = last(message)
    phones.twilio_says(first, "failed", "30001")
    phones.twilio_says(first, "failed", "30001")
    phones.pass_time(seconds=20)
    phones.send_due()
    phones.twilio_says(first, "failed", "30001")
    phones.pass_time(seconds=20)
    phones.send_due()
    assert statuses(message) == ["failed", "sent"]
    assert len(phones.copies(message)) == 2


@pytest.mark.parametrize("code", ["30005", "30006", "30007", "30008", "99999", ""])
def test_what_may_not_be_repeated_goes_another_way(
    venue: Organization,
    phones: Phones,
    code: str,
) -> None:
    message = sent(venue, phones, fallback=PLAN)
    phones.twilio_says(last(message), "undelivered", code)
    assert phones.send(message).provider == "mail"
    assert len(phones.copies(message)) == 1


@pytest.mark.parametrize("code", ["30005", "30008", "30007"])
def test_without_a_plan_it_ends_and_says_why(
    venue: Organization,
    phones: Phones,
    code: str,
) -> None:
    message = sent(venue, phones)
    phones.twilio_says(last(message), "undelivered", code)
    assert status(message) == "failed"
    message.refresh_from_db()
    assert (message.error_code, message.send_after) == (code, None)
    assert message.error


@pytest.mark.parametrize(
    ("code", "seconds"),
    [(131016, 1), (131056, 6), (130429, 1)],
)
def test_what_meta_only_says_later_to_have_been_too_much_is_sent_again(
    venue: Organization,
    phones: Phones,
    code: int,
    seconds: int,
) -> None:
    message = sent(venue, phones, "whatsapp")
    phones.meta_says(last(message), "failed", code)
    assert status(message) == "queued"
    assert f"Next try in {seconds} s." in explanations(message)
    phones.pass_time(seconds=20)
    assert phones.send(message).status == "sent"
    assert len(phones.copies(message)) == 2


def test_too_much_for_ever_ends_in_the_plan(venue: Organization, phones: Phones) -> None:
    message = sent(venue, phones, "whatsapp", fallback=PLAN)
    for _ in range(6):
        phones.meta_says(last(message), "failed", 130429)
        phones.pass_time(seconds=20)
        phones.send_due()
    assert [attempt.provider for attempt in attempts(message)] == ["whatsapp"] * 6 + ["mail"]


def test_one_meta_may_have_delivered_is_not_sent_again(
    venue: Organization,
    phones: Phones,
) -> None:
    message = sent(venue, phones, "whatsapp")
    phones.meta_says(last(message), "failed", 131000)
    phones.settle(message, rounds=2)
    assert status(message) == "failed"
    assert len(phones.copies(message)) == 1


def test_read_without_delivered_is_read(venue: Organization, phones: Phones) -> None:
    message = sent(venue, phones, "whatsapp")
    phones.meta_says(last(message), "read")
    phones.meta_says(last(message), "delivered")
    phones.meta_says(last(message), "sent")
    assert status(message) == "read"


def test_a_receipt_that_never_came_is_asked_for(venue: Organization, phones: Phones) -> None:
    first, second = sent(venue, phones), sent(venue, phones, "whatsapp")
    (copy,) = phones.copies(first)
    phones.sandbox.control("POST", f"/twilio/messages/{copy['sid']}/events", {"type": "delivered"})
    (copy,) = phones.copies(second)
    phones.sandbox.control("POST", f"/whatsapp/messages/{copy['id']}/events", {"type": "read"})
    assert receipt_polling.poll_overdue_receipts() == 0
    phones.pass_time(minutes=3)
    assert receipt_polling.poll_overdue_receipts() == 2
    assert (status(first), status(second)) == ("delivered", "read")
    assert set(Event.objects.filter(source="poll").values_list("kind", flat=True)) == {
        "delivered",
        "read",
    }


def test_a_failure_that_was_asked_for_is_acted_upon(venue: Organization, phones: Phones) -> None:
    message = sent(venue, phones)
    (copy,) = phones.copies(message)
    event = {"type": "failed", "error_code": 30001}
    phones.sandbox.control("POST", f"/twilio/messages/{copy['sid']}/events", event)
    phones.pass_time(minutes=3)
    receipt_polling.poll_overdue_receipts()
    assert status(message) == "queued"
    phones.pass_time()
    assert phones.send(message).status == "sent"
    assert len(phones.copies(message)) == 2


# --- what left, and what a repetition is of use for ---------------------------------------------


@pytest.mark.parametrize("code", ["30003", "30017"])
def test_a_phone_that_is_off_is_tried_twice_more_minutes_apart(
    venue: Organization, phones: Phones, code: str
) -> None:
    message = sent(venue, phones, fallback=PLAN)
    for minutes in (3, 10):
        phones.twilio_says(last(message), "undelivered", code)
        assert status(message) == "queued"
        assert message.send_after is not None
        left = (message.send_after - timezone.now()).total_seconds()
        assert 60 * minutes - 5 < left <= 60 * minutes
        assert f"Next try in {minutes} min." in explanations(message)
        phones.pass_time(minutes=minutes)
        assert phones.send(message).status == "sent"
    phones.twilio_says(last(message), "undelivered", code)
    assert phones.send(message).provider == "mail"
    assert len(phones.copies(message)) == 3
    assert "never left" not in explanations(message)


def test_a_phone_that_stays_off_without_a_plan_is_the_end(
    venue: Organization, phones: Phones
) -> None:
    message = sent(venue, phones)
    for _ in range(3):
        phones.twilio_says(last(message), "undelivered", "30003")
        phones.pass_time(minutes=11)
        phones.send_due()
    assert (status(message), message.error_code) == ("failed", "30003")


def test_a_repetition_that_would_come_too_late_is_none(venue: Organization, phones: Phones) -> None:
    soon = timezone.now() + timedelta(minutes=2)
    alone = sent(venue, phones, expires_at=soon)
    planned = sent(venue, phones, expires_at=soon, fallback=PLAN)
    for message in (alone, planned):
        phones.twilio_says(last(message), "undelivered", "30003")
    phones.send_due()
    assert status(alone) == "failed"
    # The rest of its time is the next channel's.
    assert status(planned) == "sent"
    assert planned.provider == "mail"


def test_what_twilio_could_not_send_in_its_time_is_not_sent_after_it(
    venue: Organization, phones: Phones
) -> None:
    message = sent(venue, phones, expires_at=timezone.now() + timedelta(minutes=1), fallback=PLAN)
    Message.objects.filter(pk=message.pk).update(expires_at=timezone.now())
    phones.twilio_says(last(message), "failed", "30036")
    phones.send_due()
    assert (status(message), message.error_code) == ("expired", "expired")
    assert "never left the provider" in explanations(message)
    assert len(phones.copies(message)) == 1


def test_what_expired_before_the_next_step_is_that_steps(
    venue: Organization, phones: Phones
) -> None:
    planned, alone = sent(venue, phones, fallback=PLAN), sent(venue, phones)
    for message in (planned, alone):
        phones.twilio_says(last(message), "failed", "30036")
    phones.send_due()
    assert (status(planned), planned.provider) == ("sent", "mail")
    assert "Next try in 1 s." in explanations(alone)


def test_a_locked_account_in_a_receipt_leaves_the_message_its_next_way(
    venue: Organization, phones: Phones
) -> None:
    message = sent(venue, phones)
    phones.twilio_says(last(message), "failed", "30002")
    assert registry.breaker_for("twilio").state().paused
    assert status(message) == "queued"
    assert "Not through twilio: " in explanations(message)
