"""What a provider refuses about a sender closes that sender there, and nobody else notices."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from communications.models import Contact, Message, Organization, SenderStanding
from communications.policy import senders
from communications.providers import registry
from tests import factories
from tests.communications.channels.phones import (
    Phones,
    explanations,
    guest,
    last,
    status,
    timeline,
    twilio_account,
    write,
)

FOREIGN_NUMBER, FOREIGN_ID = "+15550109999", "906540352242922"
CHANNELS = {"twilio": "sms", "whatsapp": "whatsapp"}


@pytest.fixture
def stranger(db: None) -> Organization:  # noqa: ARG001
    """Writes as numbers that are not in our accounts."""
    return factories.organization(
        name="Stranger", sms_from=FOREIGN_NUMBER, whatsapp_from=FOREIGN_ID
    )


@pytest.fixture
def own_numbers(phones: Phones) -> Iterator[Phones]:
    """Twilio knows which numbers are ours, as it does in truth; Meta always does."""
    phones.sandbox.control("PATCH", "/twilio", {"numbers": ["+15550100100"]})
    yield phones
    phones.sandbox.control("PATCH", "/twilio", {"numbers": []})


def refuse(phones: Phones, provider: str, code: int) -> None:
    phones.breaks(provider, "status", status=400, name=str(code))


@pytest.mark.parametrize("provider", CHANNELS)
def test_a_foreign_number_closes_itself_and_nothing_else(
    venue: Organization, stranger: Organization, own_numbers: Phones, provider: str
) -> None:
    phones = own_numbers
    channel = CHANNELS[provider]
    refused = [write(guest(stranger), channel, priority=0) for _ in range(3)]
    other = write(guest(venue), channel, priority=0)
    phones.send_due()

    assert [status(message) for message in refused] == ["queued"] * 3
    assert timeline(refused[0]) == ["composed", "failed", "failover", "held"]
    # Those behind it did not have to ask.
    assert timeline(refused[1]) == timeline(refused[2]) == ["composed", "held"]
    assert f"{provider} does not take “{stranger.sender(channel)}”" in explanations(refused[1])
    assert status(other) == "sent"
    assert timeline(other) == ["composed", "accepted"]
    assert registry.breaker_for(provider).state().state == "closed"
    assert registry.bucket_for(provider).snapshot().held_for == 0
    closed = SenderStanding.objects.closed().get()
    assert (closed.organization, closed.provider) == (stranger, provider)
    assert closed.retry_at is not None
    assert 55 < (closed.retry_at - timezone.now()).total_seconds() <= 60


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        *(("twilio", code) for code in (21212, 21603, 21606, 21611, 21659, 21660, 21703)),
        *(("whatsapp", code) for code in (10, 33, 131005, 131031, 131037, 131048, 133010)),
    ],
)
def test_the_message_takes_the_next_channel_of_its_plan(
    stranger: Organization, phones: Phones, provider: str, code: int
) -> None:
    refuse(phones, provider, code)
    message = write(guest(stranger), CHANNELS[provider], fallback=[{"channel": "email"}])
    phones.send(message)
    assert (message.status, message.provider) == ("sent", "mail")
    assert registry.breaker_for(provider).state().state == "closed"
    later = phones.send(write(guest(stranger), CHANNELS[provider], fallback=[{"channel": "email"}]))
    assert timeline(later) == ["composed", "failover", "accepted"]


def test_a_full_queue_is_waited_out(stranger: Organization, phones: Phones) -> None:
    refuse(phones, "twilio", 21611)
    message = phones.send(write(guest(stranger), "sms"))
    row = SenderStanding.objects.closed().get()
    assert row.is_busy
    assert row.retry_at is not None
    assert 290 < (row.retry_at - timezone.now()).total_seconds() <= 300
    assert message.send_after == row.retry_at
    assert "takes no more from “+15550109999” for now" in explanations(message)
    phones.sandbox.control("DELETE", "/twilio/faults")
    phones.pass_time(minutes=6)
    assert phones.send(message).status == "sent"
    row.refresh_from_db()
    assert not row.is_busy


def test_the_next_provider_of_the_route_is_asked_first(
    stranger: Organization, venue: Organization, phones: Phones
) -> None:
    second = twilio_account(phones.sandbox.url)
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "second": second}
    phones.settings.ROUTES = {**phones.settings.ROUTES, "sms": ["twilio", "second"]}
    phones.breaks("twilio", "status", status=400, name="21660", count=1)
    message, later = write(guest(stranger), "sms"), write(guest(stranger), "sms")
    phones.send_due()
    assert status(message) == status(later) == "sent"
    message.refresh_from_db()
    later.refresh_from_db()
    assert message.provider == later.provider == "second"
    assert timeline(later) == ["composed", "failover", "accepted"]
    assert "Through second instead." in explanations(later)
    assert phones.send(write(guest(venue), "sms")).provider == "twilio"


def test_a_provider_that_knows_no_such_sender_is_none_to_ask(phones: Phones) -> None:
    twilio = twilio_account(phones.sandbox.url)
    # Twilio knows numbers, Meta the ids of numbers.
    twilio["BACKEND"] = "communications.providers.twilio.TwilioWhatsApp"
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "second": twilio}
    phones.settings.ROUTES = {**phones.settings.ROUTES, "whatsapp": ["whatsapp", "second"]}
    by_id = factories.organization(whatsapp_from=FOREIGN_ID)
    by_number = factories.organization(whatsapp_from="+15550100100")
    held = phones.send(write(guest(by_id), "whatsapp"))
    assert (held.status, timeline(held)[-1]) == ("queued", "held")
    assert phones.send(write(guest(by_number), "whatsapp")).provider == "second"
    nobody = factories.organization(whatsapp_from="The Barn")
    unsent = [write(guest(nobody), "whatsapp") for _ in range(2)]
    for _ in range(2):
        phones.send_due()
        phones.pass_time(minutes=2)
    assert [timeline(message) for message in unsent] == [["composed", "held"]] * 2
    assert "does not take “The Barn” as a sender" in explanations(unsent[0])
    planned = phones.send(write(guest(nobody), "whatsapp", fallback=[{"channel": "email"}]))
    assert planned.provider == "mail"


def test_it_reopens_after_a_trial_that_one_message_makes(
    stranger: Organization, phones: Phones
) -> None:
    refuse(phones, "twilio", 21606)
    messages = [write(guest(stranger), "sms") for _ in range(3)]
    phones.send_due()
    phones.pass_time(minutes=2)
    phones.send_due()
    # The trial failed: it alone has asked, and the next one is later.
    assert sum(len(message.attempts.all()) for message in messages) == 2
    row = SenderStanding.objects.closed().get()
    assert (row.trials, row.error_code) == (1, "21606")
    assert row.retry_at is not None
    assert 110 < (row.retry_at - timezone.now()).total_seconds() <= 120
    assert set(Message.objects.values_list("send_after", flat=True)) == {row.retry_at}

    phones.sandbox.control("DELETE", "/twilio/faults")
    SenderStanding.objects.update(retry_at=timezone.now())
    Message.objects.update(send_after=SenderStanding.objects.get().retry_at)
    phones.send_due()
    phones.send_due()
    assert [status(message) for message in messages] == ["sent"] * 3
    assert not SenderStanding.objects.closed().exists()
    assert [timeline(message).count("held") for message in messages] == [1] * 3


def test_a_corrected_sender_leaves_at_once(stranger: Organization, phones: Phones) -> None:
    refuse(phones, "twilio", 21660)
    message = phones.send(write(guest(stranger), "sms"))
    phones.sandbox.control("DELETE", "/twilio/faults")
    assert senders.release_corrected() == 0
    Organization.objects.filter(pk=stranger.pk).update(sms_from="+15550100100")
    assert senders.release_corrected() == 1
    assert phones.send(message).status == "sent"
    assert not SenderStanding.objects.closed().exists()


def test_a_person_has_it_tried_now(stranger: Organization, phones: Phones) -> None:
    refuse(phones, "twilio", 21660)
    message = phones.send(write(guest(stranger), "sms"))
    phones.sandbox.control("DELETE", "/twilio/faults")
    senders.reopen_senders(stranger)
    assert phones.send(message).status == "sent"


def test_a_receipt_may_say_so_too(
    stranger: Organization, venue: Organization, phones: Phones
) -> None:
    message = phones.send(write(guest(stranger), "sms", fallback=[{"channel": "email"}]))
    phones.twilio_says(last(message), "undelivered", "30034")
    assert phones.send(message).provider == "mail"
    assert SenderStanding.objects.closed().get().error_code == "30034"
    locked = phones.send(write(guest(venue), "whatsapp"))
    phones.meta_says(last(locked), "failed", 131042)
    # It is the installation's number, and so its account that is not paid for.
    assert registry.breaker_for("whatsapp").state().paused
    assert status(locked) == "queued"


@pytest.mark.parametrize("code", ["30034", "30032", "30024"])
def test_what_is_refused_for_a_country_is_closed_for_its_numbers_alone(
    venue: Organization, phones: Phones, code: str
) -> None:
    there = number_guest(venue, "+12125550123")
    here = number_guest(venue, "+447711000932")
    refused = phones.send(write(there, "sms"))
    phones.twilio_says(last(refused), "undelivered", code)
    phones.send_due()
    assert status(refused) == "queued"
    closed = SenderStanding.objects.closed().get()
    assert (closed.region, closed.error_code) == ("US", code)
    assert "as a sender to US numbers" in explanations(refused)

    assert phones.send(write(here, "sms")).status == "sent"
    held = phones.send(write(there, "sms"))
    assert (held.status, timeline(held)) == ("queued", ["composed", "held"])
    # What is taken for others says nothing about that country.
    assert SenderStanding.objects.closed().get() == closed

    phones.pass_time()
    assert phones.settle(held, rounds=2).status == "sent"
    assert not SenderStanding.objects.closed().exists()


def number_guest(of: Organization, number: str) -> Contact:
    contact = guest(of)
    contact.addresses.filter(channel="sms").update(value=number)
    return contact


def test_a_sender_of_the_installation_is_closed_for_whom_it_was_refused(
    venue: Organization, phones: Phones
) -> None:
    refuse(phones, "twilio", 21606)
    held = phones.send(write(guest(venue), "sms"))
    phones.sandbox.control("DELETE", "/twilio/faults")
    assert held.status == "queued"
    assert phones.send(write(guest(factories.organization()), "sms")).status == "sent"


def test_the_longest_pause_of_a_closed_sender_is_an_hour() -> None:
    pauses = [senders.trial_pause(trials).total_seconds() / 60 for trials in (0, 1, 2, 5, 6, 99)]
    assert pauses == [1, 2, 4, 32, 60, 60]
