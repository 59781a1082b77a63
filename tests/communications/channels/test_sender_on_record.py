"""Who a message is said to come from is who it left as, not who it was composed as."""

import pytest
from django.test import Client

from communications.models import Message, Organization, SenderStanding, Suppression
from communications.policy import senders
from tests import factories
from tests.communications.admin_pages import logged_in, plain_static, url
from tests.communications.channels.phones import (
    NUMBER,
    OURS,
    Phones,
    attempts,
    guest,
    number_of,
    status,
    twilio_account,
    write,
)

__all__ = ["plain_static"]

OWN, OTHER = "+15550109999", "+15550108888"


@pytest.fixture
def barn(db: None) -> Organization:  # noqa: ARG001
    return factories.organization(name="Barn", sms_from=OWN)


@pytest.fixture
def client(barn: Organization) -> Client:
    return logged_in(factories.member(barn))


def said(client: Client, message: Message) -> str:
    """Who the API says it comes from."""
    return str(client.get(f"/api/messages/{message.pk}/").json()["sender"])


@pytest.mark.usefixtures("plain_static")
def test_a_message_that_waited_for_a_refused_number_is_from_the_one_it_left_from(
    barn: Organization, client: Client, phones: Phones
) -> None:
    phones.breaks("twilio", "status", status=400, name="21606", count=1)
    waiting = [write(guest(barn), "sms") for _ in range(2)]
    phones.send_due()
    assert [status(message) for message in waiting] == ["queued"] * 2
    assert {said(client, message) for message in waiting} == {OWN}

    Organization.objects.filter(pk=barn.pk).update(sms_from="")
    senders.release_corrected()
    assert not SenderStanding.objects.closed().exists()
    phones.send_due()

    for message in waiting:
        [copy] = phones.copies(message)
        assert said(client, message) == attempts(message)[-1].sender == copy["from"] == OURS
        page = client.get(url(message)).content.decode()
        assert f"<dt>From</dt><dd>{OURS}</dd>" in page
        assert OWN not in page.split("<dt>From</dt>")[1].split("</dl>")[0]


def test_a_reply_to_the_number_it_left_from_is_in_the_same_conversation(
    barn: Organization, client: Client, phones: Phones
) -> None:
    contact = guest(barn)
    message = write(contact, "sms")
    Organization.objects.filter(pk=barn.pk).update(sms_from=OTHER)
    phones.send_due()
    assert said(client, message) == OTHER

    phones.twilio_says(attempts(message)[-1], "delivered")
    phones.twilio_receives("Thank you!", sender=number_of(contact), to=OTHER)

    assert (status(message), said(client, message)) == ("delivered", OTHER)
    thread = Message.objects.in_conversation(contact.pk).order_by("created_at")
    assert [found.body for found in thread] == [message.body, "Thank you!"]


def test_of_two_channels_the_one_that_reached_them_says_who_it_came_from(
    barn: Organization, client: Client, phones: Phones
) -> None:
    plan = [{"channel": "sms", "after_seconds": 60}]
    message = phones.send(write(guest(barn), "whatsapp", fallback=plan))
    assert said(client, message) == NUMBER
    phones.meta_says(attempts(message)[0], "failed", 131026)
    assert phones.send(message).provider == "twilio"
    assert said(client, message) == OWN

    # It arrived the first way after all.
    phones.meta_says(attempts(message)[0], "read")

    message.refresh_from_db()
    assert (message.provider, message.went_by) == ("whatsapp", "whatsapp")
    assert said(client, message) == NUMBER


def test_where_the_vendor_picks_a_number_none_is_made_up(
    venue: Organization, barn: Organization, phones: Phones
) -> None:
    pool = twilio_account(phones.sandbox.url, messaging_service_sid="MG" + "1" * 32)
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "twilio": pool}
    usual, own = (phones.send(write(guest(of), "sms")) for of in (venue, barn))

    assert (usual.sender, own.sender) == ("", OWN)
    assert status(usual) == status(own) == "sent"


def test_an_opt_out_that_a_receipt_tells_of_the_usual_number_closes_every_number(
    venue: Organization, phones: Phones
) -> None:
    message = phones.send(write(guest(venue), "sms"))
    assert message.sender == OURS

    phones.twilio_says(attempts(message)[0], "failed", "21610")

    assert Suppression.objects.get(value=message.to).sender == ""
