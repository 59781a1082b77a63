"""A lost answer where nothing makes a second call safe: found out, never guessed."""

from typing import Any

import pytest
from django.utils import timezone

from communications.models import Attempt, Call, Message, Organization
from communications.providers import registry
from communications.sending import (
    claims,
    provider_call,
    reconciliation,
)
from communications.sending.claims import Claim
from tests import factories
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

LOST = {"mode": "after", "count": 1}
DROPPED = {"mode": "before", "count": 1}


def unknown(venue: Organization, phones: Phones, channel: str = "sms", **fields: Any) -> Message:
    """Its answer was lost after it was taken."""
    message = write(guest(venue), channel, **fields)
    phones.breaks({"sms": "twilio"}.get(channel, channel), "drop_connection", **LOST)
    assert phones.send(message).status == "unknown"
    assert Attempt.objects.get(message=message).provider_id == ""
    return message


# --- Twilio, which can be asked -----------------------------------------------------------------


def test_what_twilio_took_is_found_in_its_list(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue), "sms")
    phones.impatient("twilio")
    phones.breaks("twilio", "hang", seconds=2.0, count=1)
    phones.send(message)
    assert statuses(message) == ["unknown"]
    assert reconciliation.resolve_unknown() == 0
    phones.pass_time(seconds=40)
    assert reconciliation.resolve_unknown() == 1
    (copy,) = phones.copies(message)
    assert (status(message), statuses(message)) == ("sent", ["sent"])
    assert message.provider_id == copy["sid"]
    assert "The answer was lost; the provider has the message." in explanations(message)


def test_what_twilio_never_got_is_sent_again_once(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue), "sms")
    phones.breaks("twilio", "drop_connection", **DROPPED)
    phones.send(message)
    phones.settle(message, rounds=3, seconds=40)
    assert (status(message), statuses(message)) == ("sent", ["failed", "sent"])
    assert len(phones.copies(message)) == 1
    assert "never got it" in explanations(message)


def test_a_callback_tells_before_anybody_asks(venue: Organization, phones: Phones) -> None:
    message = unknown(venue, phones)
    (copy,) = phones.copies(message)
    phones.twilio_says(last(message), "delivered", MessageSid=copy["sid"])
    assert status(message) == "delivered"
    assert message.provider_id == copy["sid"]
    phones.settle(message, rounds=2)
    assert statuses(message) == ["delivered"]


def test_while_twilio_does_not_answer_nothing_is_assumed(
    venue: Organization,
    phones: Phones,
) -> None:
    message = unknown(venue, phones)
    fault = {"status": {"status": 503, "only": ["GET /2010"]}}
    phones.sandbox.control("PUT", "/twilio/faults", fault)
    phones.pass_time(minutes=2)
    assert reconciliation.resolve_unknown() == 0
    assert status(message) == "unknown"
    phones.sandbox.control("DELETE", "/twilio/faults")
    assert reconciliation.resolve_unknown() == 1
    assert status(message) == "sent"
    assert len(phones.copies(message)) == 1


def test_the_same_text_from_another_number_is_not_taken_for_it(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue)
    other = Organization.objects.create(name="Other", slug="other", sms_from="+15550100999")
    to = contact.addresses.get(channel="sms").value
    theirs = phones.send(factories.message(other, channel="sms", to=to, body="See you soon."))
    message = write(contact, "sms")
    phones.breaks("twilio", "drop_connection", **DROPPED)
    phones.send(message)
    phones.settle(message, rounds=2, seconds=40)
    assert len(phones.copies(message)) == len(phones.copies(theirs)) == 1


def test_the_same_text_of_an_earlier_message_is_not_taken_for_it(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue)
    earlier = phones.send(write(contact, "sms"))
    message = write(contact, "sms")
    phones.breaks("twilio", "drop_connection", **DROPPED)
    phones.send(message)
    phones.settle(message, rounds=3, seconds=40)
    assert status(message) == "sent"
    assert [len(phones.copies(each)) for each in (earlier, message)] == [1, 1]
    assert earlier.provider_id != message.provider_id


# --- Meta, which cannot -------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["sent", "delivered", "read"])
def test_a_status_with_our_ids_tells(venue: Organization, phones: Phones, word: str) -> None:
    message = unknown(venue, phones, "whatsapp")
    (copy,) = phones.copies(message)
    phones.meta_says(last(message), word, id=copy["id"])
    assert status(message) == word
    assert message.provider_id == copy["id"]
    phones.settle(message, rounds=2, hours=1)
    assert len(attempts(message)) == 1


def test_without_one_a_second_copy_is_not_risked(venue: Organization, phones: Phones) -> None:
    message = unknown(venue, phones, "whatsapp")
    phones.pass_time(minutes=10)
    assert reconciliation.resolve_unknown() == 0
    assert status(message) == "unknown"
    phones.settle(message, rounds=2, minutes=10)
    assert (status(message), statuses(message)) == ("failed", ["failed"])
    assert "might deliver it twice" in explanations(message)
    assert timeline(message)[-1] == "given_up"
    assert len(phones.copies(message)) == 1


def test_a_receipt_that_comes_much_later_still_counts(venue: Organization, phones: Phones) -> None:
    message = unknown(venue, phones, "whatsapp")
    phones.settle(message, rounds=1, hours=1)
    assert status(message) == "failed"
    phones.meta_says(last(message), "delivered", id=phones.copies(message)[0]["id"])
    assert status(message) == "delivered"


def test_given_up_it_goes_the_way_its_plan_names(venue: Organization, phones: Phones) -> None:
    message = unknown(venue, phones, "whatsapp", fallback=[{"channel": "email"}])
    phones.settle(message, rounds=2, hours=1)
    assert [attempt.provider for attempt in attempts(message)] == ["whatsapp", "mail"]
    assert status(message) == "sent"


def test_given_up_after_its_plan_went_on_it_moves_nothing(
    venue: Organization,
    phones: Phones,
) -> None:
    plan = [{"channel": "sms", "after_seconds": 60}, {"channel": "email"}]
    message = unknown(venue, phones, "whatsapp", fallback=plan, resend_if_unknown=True)
    phones.pass_time(seconds=90)
    reconciliation.escalate_overdue()
    phones.send_due()
    phones.settle(message, rounds=2, hours=1)
    assert [attempt.provider for attempt in attempts(message)] == ["whatsapp", "twilio"]
    assert statuses(message) == ["failed", "sent"]


@pytest.mark.parametrize(("mode", "copies"), [("before", 1), ("after", 2)])
def test_who_asks_for_it_gets_a_second_try(
    venue: Organization,
    phones: Phones,
    mode: str,
    copies: int,
) -> None:
    message = write(guest(venue), "whatsapp", resend_if_unknown=True)
    phones.breaks("whatsapp", "drop_connection", mode=mode, count=1)
    phones.send(message)
    phones.settle(message, rounds=2, hours=1)
    assert (status(message), statuses(message)) == ("sent", ["failed", "sent"])
    assert len(phones.copies(message)) == copies
    assert "as was asked for" in explanations(message)


# --- crashes ------------------------------------------------------------------------------------


def claimed(channel: str, slug: str) -> Claim:
    (found,) = claims.claim_due(channel, slug, usable=[slug], limit=1)
    return found


@pytest.mark.parametrize(("channel", "slug"), [("sms", "twilio"), ("whatsapp", "whatsapp")])
@pytest.mark.parametrize("left", [True, False])
def test_a_call_that_a_crash_left_behind_is_never_made_a_second_time(
    venue: Organization,
    phones: Phones,
    channel: str,
    slug: str,
    left: bool,  # noqa: FBT001 - whether the request had left by then
) -> None:
    message = write(guest(venue), channel)
    held = claimed(channel, slug)
    if left:
        provider = registry.provider_for(slug)
        provider.send(
            [provider_call.as_outbound(held.attempts[0], provider)], key=str(held.call.pk)
        )
    before = phones.sandbox.control("GET", f"/{slug}")["counters"].get("requests")

    phones.pass_time()
    phones.send_due()
    assert status(message) == "unknown"
    assert phones.sandbox.control("GET", f"/{slug}")["counters"].get("requests") == before
    assert not Call.objects.due(timezone.now()).exists()

    phones.settle(message, rounds=3, hours=1)
    assert len(phones.copies(message)) == (1 if left or channel == "sms" else 0)
    assert status(message) == ("sent" if channel == "sms" else "failed")


def test_a_template_through_twilio_is_not_looked_for_by_its_text(
    venue: Organization,
    phones: Phones,
) -> None:
    account = twilio_account(phones.sandbox.url)
    account["BACKEND"] = "communications.providers.twilio.TwilioWhatsApp"
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "twilio_whatsapp": account}
    phones.settings.ROUTES = {**phones.settings.ROUTES, "whatsapp": ["twilio_whatsapp"]}
    message = write(guest(venue), "whatsapp")
    Message.objects.filter(pk=message.pk).update(
        template_ref={
            "name": "HX" + "0c" * 16,
            "language": "en",
            "category": "UTILITY",
            "parameters": ["Amelia"],
        },
    )
    phones.breaks("twilio", "drop_connection", **LOST)
    phones.send(message)
    phones.settle(message, rounds=2, minutes=10)
    assert status(message) == "failed"
    assert len(phones.copies(message)) == 1
