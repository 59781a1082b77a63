"""A message's plan: the next channel when one fails or is too slow, and one winner."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from communications.models import Event, Message, Organization
from communications.policy import suppressions
from communications.sending import reconciliation
from communications.vocabulary.events import Reason
from tests import factories
from tests.communications.channels.phones import (
    OURS,
    Phones,
    attempts,
    explanations,
    guest,
    last,
    number_of,
    status,
    statuses,
    timeline,
    write,
)

SMS, EMAIL, WHATSAPP = ({"channel": channel} for channel in ("sms", "email", "whatsapp"))


def channels(message: Message) -> list[str]:
    return [attempt.provider for attempt in attempts(message)]


def test_a_refusal_moves_it_on_at_once(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue), "whatsapp", fallback=[SMS])
    phones.breaks("whatsapp", "status", status=400, name="131026", count=1)
    assert phones.send(message).status == "sent"
    assert channels(message) == ["whatsapp", "twilio"]
    assert (message.provider, message.leg_channel) == ("twilio", "sms")
    assert "Next by SMS to +44" in explanations(message)


def test_a_failure_told_later_moves_it_on_as_well(venue: Organization, phones: Phones) -> None:
    message = phones.send(write(guest(venue), "whatsapp", fallback=[SMS]))
    phones.meta_says(last(message), "failed", 131026)
    assert status(message) == "queued"
    assert phones.send(message).status == "sent"
    assert channels(message) == ["whatsapp", "twilio"]


@pytest.mark.parametrize(("seconds", "moves"), [(30, False), (90, True)])
def test_too_slow_moves_it_on(
    venue: Organization,
    phones: Phones,
    seconds: int,
    moves: bool,  # noqa: FBT001 - a column of the table
) -> None:
    plan = [{**SMS, "after_seconds": 60}]
    message = phones.send(write(guest(venue), "whatsapp", fallback=plan))
    phones.pass_time(seconds=seconds)
    reconciliation.escalate_overdue()
    phones.send_due()
    assert channels(message) == ["whatsapp", "twilio"][: 1 + moves]
    assert ("Not delivered in time." in explanations(message)) == moves


def test_what_arrives_in_time_goes_no_further(venue: Organization, phones: Phones) -> None:
    plan = [{**SMS, "after_seconds": 60}]
    message = phones.send(write(guest(venue), "whatsapp", fallback=plan))
    phones.meta_says(last(message), "delivered")
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.send_due()
    assert channels(message) == ["whatsapp"]
    assert status(message) == "delivered"


@pytest.mark.parametrize(
    ("after_seconds", "expires_in", "validity"),
    [(5, None, 5), (300, None, 300), (300, 40, 40), (40, 300, 40), (None, None, None)],
)
def test_a_step_is_handed_over_for_no_longer_than_until_the_next(
    venue: Organization,
    phones: Phones,
    after_seconds: int | None,
    expires_in: int | None,
    validity: int | None,
) -> None:
    expires_at = expires_in and timezone.now() + timedelta(seconds=expires_in)
    plan = [{**EMAIL, **({"after_seconds": after_seconds} if after_seconds else {})}]
    message = phones.send(write(guest(venue), "sms", fallback=plan, expires_at=expires_at))
    (copy,) = phones.copies(message)
    said = copy["request"].get("ValidityPeriod")
    if validity is None:
        assert said is None
    else:
        assert validity - 2 <= int(said) <= validity


def test_a_later_step_is_limited_by_its_own_deadline(venue: Organization, phones: Phones) -> None:
    plan = [{**SMS, "after_seconds": 60}, {**EMAIL, "after_seconds": 20}]
    message = phones.send(write(guest(venue), "whatsapp", fallback=plan))
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.send_due()
    by_sms = next(copy for copy in phones.copies(message) if "sid" in copy)
    assert 18 <= int(by_sms["request"]["ValidityPeriod"]) <= 20


def test_every_step_has_a_time_of_its_own(venue: Organization, phones: Phones) -> None:
    plan = [{**SMS, "after_seconds": 60}, {**EMAIL, "after_seconds": 600}]
    message = phones.send(write(guest(venue), "whatsapp", fallback=plan))
    for seconds, count in ((90, 2), (90, 2), (600, 3)):
        phones.pass_time(seconds=seconds)
        reconciliation.escalate_overdue()
        phones.send_due()
        assert len(attempts(message)) == count
    assert channels(message) == ["whatsapp", "twilio", "mail"]
    assert len(mail.outbox) == 1
    reconciliation.escalate_overdue()
    assert Message.objects.get(pk=message.pk).escalate_at is None


def test_a_late_receipt_wins_and_what_is_unsent_stays_unsent(
    venue: Organization,
    phones: Phones,
) -> None:
    message = phones.send(write(guest(venue), "whatsapp", fallback=[SMS]))
    first = last(message)
    phones.meta_says(first, "failed", 131026)
    message.refresh_from_db()
    assert message.send_after is not None
    phones.meta_says(first, "delivered")
    assert status(message) == "delivered"
    assert not Message.objects.waiting().exists()
    phones.pass_time()
    phones.send_due()
    assert len(attempts(message)) == 1
    assert message.provider == "whatsapp"


def test_a_late_receipt_after_the_next_step_is_shown(venue: Organization, phones: Phones) -> None:
    plan = [{**SMS, "after_seconds": 60}, {**EMAIL, "after_seconds": 600}]
    message = phones.send(write(guest(venue), "whatsapp", fallback=plan))
    first = last(message)
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.send_due()
    phones.meta_says(first, "read")
    phones.pass_time()
    reconciliation.escalate_overdue()
    phones.send_due()
    assert statuses(message) == ["read", "sent"]
    assert status(message) == "read"
    assert message.provider == "whatsapp"
    assert Event.objects.filter(message=message, kind="read", attempt=first).exists()


def test_a_step_that_fails_leads_to_the_next_even_if_an_earlier_one_may_arrive(
    venue: Organization,
    phones: Phones,
) -> None:
    message = phones.send(
        write(guest(venue), "whatsapp", fallback=[{**SMS, "after_seconds": 60}, EMAIL]),
    )
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.send_due()
    phones.twilio_says(last(message), "undelivered", "30005")
    phones.send_due()
    assert channels(message) == ["whatsapp", "twilio", "mail"]


def test_a_step_that_fails_after_another_arrived_leads_nowhere(
    venue: Organization,
    phones: Phones,
) -> None:
    message = phones.send(
        write(guest(venue), "whatsapp", fallback=[{**SMS, "after_seconds": 60}, EMAIL]),
    )
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.send_due()
    whatsapp, sms = attempts(message)
    phones.meta_says(whatsapp, "delivered")
    phones.twilio_says(sms, "undelivered", "30005")
    phones.send_due()
    assert channels(message) == ["whatsapp", "twilio"]
    assert status(message) == "delivered"


def test_news_of_an_earlier_step_moves_nothing(venue: Organization, phones: Phones) -> None:
    message = phones.send(
        write(guest(venue), "whatsapp", fallback=[{**SMS, "after_seconds": 60}, EMAIL]),
    )
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.send_due()
    phones.meta_says(attempts(message)[0], "failed", 131026)
    phones.send_due()
    assert channels(message) == ["whatsapp", "twilio"]
    assert status(message) == "sent"


def test_a_failure_told_while_the_next_step_waits_changes_nothing(
    venue: Organization,
    phones: Phones,
) -> None:
    plan = [{**SMS, "after_seconds": 60}, EMAIL]
    message = phones.send(write(guest(venue), "whatsapp", fallback=plan))
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.meta_says(last(message), "failed", 131026)
    phones.send_due()
    assert channels(message) == ["whatsapp", "twilio"]
    assert status(message) == "sent"


def test_somebody_who_is_no_contact_has_no_other_way(venue: Organization, phones: Phones) -> None:
    message = factories.message(
        venue,
        channel="sms",
        to="+447700900888",
        fallback=[EMAIL, {"channel": "sms"}],
    )
    phones.breaks("twilio", "status", status=400, name="21617", count=1)
    assert phones.send(message).status == "sent"
    assert "Not by e-mail: the contact has no address there." in explanations(message)
    assert channels(message) == ["twilio", "twilio"]


def test_a_step_whose_channel_is_gone_is_passed(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue), "whatsapp", fallback=[SMS, EMAIL])
    phones.settings.ROUTES = {**phones.settings.ROUTES, "sms": []}
    phones.breaks("whatsapp", "status", status=400, name="131026", count=1)
    assert phones.send(message).provider == "mail"
    assert "Not by SMS: no provider is configured." in explanations(message)


def test_steps_that_cannot_work_are_passed_and_explained(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue, window=False)
    suppressions.suppress_address(
        venue, channel="sms", value=number_of(contact), reason=Reason.BOUNCE
    )
    (address,) = [address.value for address in contact.addresses.filter(channel="email")]
    message = write(contact, "whatsapp", fallback=[SMS, EMAIL])
    phones.send(message)
    assert f"Next by e-mail to {address}." in explanations(message)
    assert "Not by SMS: " in explanations(message)
    assert "hard bounce" in explanations(message)


def test_around_a_dead_number_there_may_be_another_way(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue, window=False)
    suppressions.suppress_address(
        venue, channel="sms", value=number_of(contact), reason=Reason.BOUNCE
    )
    message = phones.send(write(contact, "sms", fallback=[WHATSAPP, EMAIL]))
    assert message.provider == "mail"
    assert "Not by WhatsApp: the 24-hour window is closed" in explanations(message)


@pytest.mark.parametrize("order", [1, -1])
def test_behind_a_dead_number_whose_owner_said_stop_no_other_way_is_tried(
    venue: Organization,
    phones: Phones,
    order: int,
) -> None:
    contact = guest(venue)
    reasons = [(Reason.BOUNCE, ""), (Reason.OPT_OUT, OURS)][::order]
    for reason, sender in reasons:
        to = number_of(contact)
        suppressions.suppress_address(venue, channel="sms", value=to, reason=reason, sender=sender)
    message = write(contact, "sms", fallback=[WHATSAPP, EMAIL])
    assert status(message) == "suppressed"
    assert phones.copies(message) == []


def test_where_no_step_is_left_it_ends_with_its_reason(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue), "sms", fallback=[WHATSAPP])
    phones.breaks("twilio", "status", status=400, name="21211", count=1)
    phones.breaks("whatsapp", "status", status=400, name="131026", count=1)
    assert phones.send(message).status == "failed"
    assert statuses(message) == ["failed", "failed"]
    assert timeline(message).count("failed") == 2
    assert message.error_code == "131026"


def test_a_ladder_that_is_climbed_leads_to_the_plan(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue), "sms", fallback=[EMAIL])
    phones.breaks("twilio", "drop_connection", mode="before")
    phones.send(message)
    assert status(message) == "unknown"
    phones.settle(message, rounds=8, hours=1)
    assert status(message) == "sent"
    assert message.provider == "mail"
    assert not phones.copies(message)
