"""WhatsApp's 24-hour window: who opens it, how long, and what happens outside it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from communications.errors import Refused
from communications.models import (
    Address,
    Contact,
    Direction,
    Message,
    Organization,
)
from communications.policy import whatsapp_window
from communications.vocabulary.events import Kind
from tests.communications.channels.phones import (
    VALUES,
    Phones,
    explanations,
    guest,
    number_of,
    status,
    template,
    timeline,
    twilio_account,
    write,
)


def until(contact: Contact) -> object:
    return whatsapp_window.window_end(contact.organization_id, number_of(contact))


def test_somebody_who_writes_may_be_answered_for_a_day(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue, window=False)
    with pytest.raises(Refused):
        write(contact, "whatsapp")
    phones.meta_receives("Is the barn free?", sender=number_of(contact))
    assert until(contact) is not None
    message = phones.send(write(contact, "whatsapp"))
    assert message.status == "sent"
    assert len(phones.copies(message)) == 1


@pytest.mark.parametrize("kind", ["reaction", "system", "unsupported"])
def test_what_is_no_message_opens_nothing(venue: Organization, phones: Phones, kind: str) -> None:
    contact = guest(venue, window=False)
    phones.meta_receives("", sender=number_of(contact), type=kind, reaction={"emoji": "❤"})
    assert Message.objects.filter(direction=Direction.INBOUND).exists()
    assert until(contact) is None


def test_whatsapp_through_twilio_opens_it_too(venue: Organization, phones: Phones) -> None:
    account = twilio_account(phones.sandbox.url)
    account["BACKEND"] = "communications.providers.twilio.TwilioWhatsApp"
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "twilio_whatsapp": account}
    contact = guest(venue, window=False)
    phones.twilio_receives(
        "Hello",
        sender=f"whatsapp:{number_of(contact)}",
        to="whatsapp:+15550100100",
    )
    assert until(contact) is not None


def test_an_sms_opens_nothing(venue: Organization, phones: Phones) -> None:
    contact = guest(venue, window=False)
    phones.twilio_receives("Hello", sender=number_of(contact))
    assert until(contact) is None


def test_late_news_does_not_move_it_back(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    opened = Address.objects.get(contact=contact, channel="whatsapp").window_opened_at
    earlier = str(int((timezone.now() - timedelta(hours=20)).timestamp()))
    phones.meta_receives("An older one", sender=number_of(contact), timestamp=earlier)
    assert Address.objects.get(contact=contact, channel="whatsapp").window_opened_at == opened


@pytest.mark.parametrize(("age", "is_open"), [(86_300, True), (86_350, False), (90_000, False)])
def test_it_closes_a_minute_early(
    venue: Organization,
    age: float,
    is_open: bool,  # noqa: FBT001 - a column of the table
) -> None:
    contact = guest(venue)
    opened = timezone.now() - timedelta(seconds=age)
    contact.addresses.update(window_opened_at=opened)
    assert until(contact) == (opened + timedelta(hours=24) if is_open else None)


@pytest.mark.usefixtures("phones")
def test_outside_it_a_draft_is_refused_with_what_may_be_sent(venue: Organization) -> None:
    contact = guest(venue, window=False)
    with pytest.raises(Refused, match="None is approved yet"):
        write(contact, "whatsapp")
    template(venue, "wedding_update")
    template(venue, "another")
    template(venue, "survey", approval="PAUSED")
    with pytest.raises(Refused, match=r"Choose one of: another, wedding_update\.") as refused:
        write(contact, "whatsapp")
    assert refused.value.field == "template"
    assert not Message.objects.exists()


def test_outside_it_an_approved_template_goes(venue: Organization, phones: Phones) -> None:
    contact = guest(venue, window=False)
    template(venue)
    message = write(contact, "whatsapp", body="", template="wedding_update", variables=VALUES)
    assert phones.send(message).status == "sent"
    (copy,) = phones.copies(message)
    assert copy["text"] == message.body == "Hello Amelia, there is news about your day."


def test_places_are_counted_and_not_taken_as_they_come(venue: Organization, phones: Phones) -> None:
    body = "About {{2}}, dear {{1}}: {{2}}!"
    components = [{"type": "BODY", "text": body}]
    phones.sandbox.control(
        "POST", "/whatsapp/templates", {"name": "mixed", "components": components}
    )
    template(venue, "mixed", body=body)
    message = write(guest(venue), "whatsapp", body="", template="mixed", variables=VALUES)
    phones.send(message)
    (copy,) = phones.copies(message)
    (component,) = copy["request"]["template"]["components"]
    assert [parameter["text"] for parameter in component["parameters"]] == ["Amelia", "your day"]


@pytest.mark.parametrize("approval", ["PAUSED", "REJECTED", "DISABLED", ""])
@pytest.mark.usefixtures("phones")
def test_a_template_that_is_not_approved_is_refused(venue: Organization, approval: str) -> None:
    template(venue, approval=approval)
    with pytest.raises(Refused, match="wedding_update"):
        write(guest(venue), "whatsapp", body="", template="wedding_update", variables=VALUES)


def test_with_a_plan_it_moves_on_at_once(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue, window=False), "whatsapp", fallback=[{"channel": "sms"}])
    assert (message.leg, message.leg_channel) == (1, "sms")
    assert Kind.FAILOVER in timeline(message)
    assert "24-hour window is closed" in explanations(message)
    assert phones.send(message).status == "sent"
    (copy,) = phones.copies(message)
    assert copy["channel"] == "sms"


def test_one_that_closes_while_the_message_waits_is_noticed(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue)
    alone = write(contact, "whatsapp", send_at=timezone.now() + timedelta(hours=30))
    planned = write(
        contact,
        "whatsapp",
        send_at=timezone.now() + timedelta(hours=30),
        fallback=[{"channel": "email"}],
    )
    phones.pass_time(hours=30)
    phones.send_due()
    assert status(alone) == "suppressed"
    assert "24-hour window" in explanations(alone)
    assert status(planned) == "sent"
    assert planned.provider == "mail"
    assert not phones.copies(alone) + phones.copies(planned)
