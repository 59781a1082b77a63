"""Incoming SMS and WhatsApp messages, and how our endpoints answer their vendors."""

import json
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from communications.models import (
    Contact,
    Direction,
    Message,
    Organization,
    WebhookDelivery,
)
from communications.receiving import deliveries
from tests import factories
from tests.communications.channels.phones import (
    META_URL,
    SECRET,
    TOKEN,
    TWILIO_URL,
    Phones,
    guest,
    number_of,
    post,
    status,
    twilio_account,
    write,
)
from tests.communications.providers import signing

FORM = "application/x-www-form-urlencoded"


def received() -> Message:
    return Message.objects.get(direction=Direction.INBOUND)


# --- threads and organizations ------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_an_answer_joins_the_thread_of_its_contact(
    venue: Organization,
    phones: Phones,
    channel: str,
) -> None:
    contact = guest(venue)
    if channel == "sms":
        phones.twilio_receives("On my way 💐", sender=number_of(contact))
    else:
        phones.meta_receives("On my way 💐", sender=number_of(contact))
    message = received()
    assert (message.contact, message.channel) == (contact, channel)
    assert (message.body, message.provider) == (
        "On my way 💐",
        {"sms": "twilio", "whatsapp": "whatsapp"}[channel],
    )
    assert message.organization == venue


def test_a_stranger_becomes_a_contact_with_the_name_they_show(
    venue: Organization,
    phones: Phones,
) -> None:
    shown = [{"profile": {"name": "Ben Hart"}, "wa_id": "447700900555"}]
    entry = {"id": "w1", "from": "447700900555", "type": "text", "text": {"body": "Hello"}}
    phones.meta_posts("messages", contacts=shown, messages=[entry])
    contact = Contact.objects.get(organization=venue)
    assert contact.name == "Ben Hart"
    assert received().contact == contact


def test_one_who_hides_the_number_is_heard_all_the_same(
    venue: Organization,
    phones: Phones,
) -> None:
    entry = {"id": "w1", "from_user_id": "GB.1349", "type": "text", "text": {"body": "Hello"}}
    phones.meta_posts("messages", messages=[entry])
    contact = Contact.objects.get(organization=venue)
    assert (received().organization, received().contact) == (venue, contact)
    assert (contact.name, contact.to_review, contact.addresses.count()) == ("GB.1349", True, 0)
    assert received().sender == "GB.1349"


def test_pictures_are_kept(venue: Organization, phones: Phones) -> None:
    fields = {"NumMedia": "1", "MediaUrl0": "https://m/0", "MediaContentType0": "image/jpeg"}
    phones.twilio_receives("", sender=number_of(guest(venue)), **fields)
    assert received().media == [{"url": "https://m/0", "content_type": "image/jpeg"}]


def test_the_number_that_was_written_to_says_whose_it_is(phones: Phones) -> None:
    first = factories.organization(sms_from="+15550100901", whatsapp_from="901")
    second = factories.organization(sms_from="+15550100902", whatsapp_from="902")
    phones.twilio_receives("one", sender="+447700900777", to="+15550100901")
    phones.twilio_receives("two", sender="+447700900777", to="+15550100902")
    phones.meta_receives("three", sender="+447700900777", to="902")
    found = Message.objects.filter(direction=Direction.INBOUND).order_by("created_at")
    assert [(message.body, message.organization) for message in found] == [
        ("one", first),
        ("two", second),
        ("three", second),
    ]


@pytest.mark.usefixtures("phones")
def test_one_body_for_several_organizations_reaches_them_all() -> None:
    for number in ("901", "902"):
        factories.organization(whatsapp_from=number)
    changes = [
        {
            "field": "messages",
            "value": {
                "metadata": {"phone_number_id": number},
                "messages": [{"id": f"w{number}", "from": "447700900777", "type": "text"}],
            },
        }
        for number in ("901", "nobody's", "902")
    ]
    body = json.dumps({"entry": [{"changes": changes}]}).encode()
    assert post(META_URL, body, "application/json", signing.meta(body, SECRET)).status_code == 200
    deliveries.apply_due()
    owners = Message.objects.values_list("organization__whatsapp_from", flat=True)
    assert set(owners) == {"901", "902"}
    delivery = WebhookDelivery.objects.get()
    assert delivery.apply_after is not None
    assert "nobody's" in delivery.error


def test_of_several_behind_one_number_the_last_that_wrote_is_meant(phones: Phones) -> None:
    first, second = factories.organization(), factories.organization()
    contact = guest(first)
    number = number_of(contact)
    phones.send(write(contact, "sms"))
    phones.send(factories.message(second, channel="sms", to=number))
    phones.twilio_receives("Which of you is it?", sender=number)
    assert received().organization == second


def test_of_a_pool_any_number_is_everybodys(venue: Organization, phones: Phones) -> None:
    account = twilio_account(phones.sandbox.url, messaging_service_sid="MG" + "0d" * 16)
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "twilio": account}
    phones.twilio_receives("Hello", sender="+447700900777", to="+15550100987")
    assert received().organization == venue


def test_the_same_message_twice_is_one(venue: Organization, phones: Phones) -> None:
    for _ in range(2):
        phones.twilio_receives("Hello", sender=number_of(guest(venue)), MessageSid="SM" + "1" * 32)
        entry = {"id": "wamid.same"}
        phones.meta_receives("Hello", sender=number_of(guest(venue)), **entry)
    assert Message.objects.filter(direction=Direction.INBOUND).count() == 2


def test_a_callback_that_beats_our_own_commit_is_applied_later(
    venue: Organization,
    phones: Phones,
) -> None:
    message = phones.send(write(guest(venue), "sms"))
    attempt = message.attempts.get()
    attempt.message_id = "0193465e-5f0a-7c3e-9d52-000000000001"
    attempt.provider_id = "SM" + "7" * 32
    phones.twilio_says(attempt, "delivered")
    delivery = WebhookDelivery.objects.get()
    assert "No attempt has the id" in delivery.error
    message.attempts.update(provider_id=attempt.provider_id)
    assert deliveries.replay_delivery(delivery)
    assert status(message) == "delivered"


def test_a_callback_about_nothing_of_ours_is_stored_and_ignored(
    venue: Organization,
    phones: Phones,
) -> None:
    attempt = phones.send(write(guest(venue), "sms")).attempts.get()
    entry = {"id": "wamid.nobody's", "status": "sent", "biz_opaque_callback_data": "another app's"}
    phones.meta_posts("messages", statuses=[entry])
    delivery = WebhookDelivery.objects.get()
    assert (delivery.error, delivery.apply_after, delivery.organization) == ("", None, None)
    assert delivery.applied_at is not None
    attempt.refresh_from_db()
    assert attempt.status == "sent"
    # What carries ids like ours may have beaten its own commit: it is tried again.
    ours = {**entry, "id": "wamid.2", "biz_opaque_callback_data": f"{uuid4()} {uuid4()}"}
    phones.meta_posts("messages", statuses=[ours])
    newest = WebhookDelivery.objects.latest("id")
    assert "No attempt has the id wamid.2" in newest.error


def test_a_short_code_is_heard_and_is_nobodys_number(venue: Organization, phones: Phones) -> None:
    for sender in ("80888", "+12"):
        phones.twilio_receives("STOP", sender=sender)
    found = Message.objects.filter(direction=Direction.INBOUND)
    assert [message.contact for message in found] == [None, None]
    assert not Contact.objects.filter(organization=venue).exists()


# --- answers ------------------------------------------------------------------------------------


def sign_form(form: dict[str, str], url: str = TWILIO_URL) -> dict[str, str]:
    signature = signing.twilio(f"http://testserver{url}", list(form.items()), TOKEN)
    return {"x-twilio-signature": signature}


@pytest.mark.usefixtures("phones")
def test_twilio_hears_that_nothing_is_to_be_said() -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "sent", "Blank": ""}
    url = f"{TWILIO_URL}?call=a%2Db&message=%C3%A4"
    for _ in range(2):
        answer = post(url, urlencode(form).encode(), FORM, sign_form(form, url))
        assert (answer.status_code, answer.content) == (200, b"<Response/>")
        assert answer["content-type"] == "text/xml"
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.usefixtures("phones")
def test_forged_and_unsigned_ones_are_refused_and_not_kept() -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "sent"}
    body = urlencode(form).encode()
    genuine = sign_form(form)
    for headers, said in (
        ({}, body),
        ({"x-twilio-signature": "AAAA"}, body),
        ({"x-twilio-signature": "ä"}, body),
        (genuine, body + b"x"),
    ):
        assert post(TWILIO_URL, said, FORM, headers).status_code == 403
    assert post(f"{TWILIO_URL}?a=1", body, FORM, genuine).status_code == 403
    assert post(META_URL, b"{}", "application/json", {}).status_code == 403
    wrong = signing.meta(b"{}", "another secret")
    assert post(META_URL, b"{}", "application/json", wrong).status_code == 403
    assert not WebhookDelivery.objects.exists()


@pytest.mark.usefixtures("phones")
def test_bodies_nobody_can_read_are_malformed() -> None:
    answer = post(TWILIO_URL, b"a=\xff", FORM, {"x-twilio-signature": "AAAA"})
    assert answer.status_code == 400


@pytest.mark.usefixtures("phones")
def test_bodies_too_large_are_not_read(settings: Settings) -> None:
    settings.WEBHOOK_MAX_BYTES = 100
    for url in (TWILIO_URL, META_URL):
        assert post(url, b"x" * 101, FORM, {}).status_code == 413


@pytest.mark.usefixtures("phones")
def test_metas_question_is_answered_with_its_challenge_alone() -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    known = Client().get(META_URL, {**asked, "hub.verify_token": "whatsapp_verify"})
    assert (known.status_code, known.content) == (200, b"1158201444")
    assert known["content-type"].startswith("text/plain")
    assert Client().get(META_URL, {**asked, "hub.verify_token": "?"}).status_code == 403
    assert Client().get(META_URL).status_code == 400
    assert Client().get(TWILIO_URL, asked).status_code == 405


@pytest.mark.usefixtures("phones")
def test_a_vendor_that_is_not_configured_is_not_there(settings: Settings) -> None:
    settings.PROVIDERS = {}
    for url in (TWILIO_URL, META_URL):
        assert post(url, b"", FORM, {}).status_code == 404
        assert Client().get(url).status_code == 404


def test_the_sandbox_itself_is_understood(venue: Organization, phones: Phones) -> None:
    """Its own webhooks, as it would have posted them."""
    message = phones.send(write(guest(venue), "whatsapp"))
    (copy,) = phones.copies(message)
    events = f"/whatsapp/messages/{copy['id']}/events"
    phones.sandbox.control("POST", events, {"type": "delivered"})
    listed = phones.sandbox.control("GET", "/whatsapp/webhooks")["webhooks"]
    delivery = phones.sandbox.control("GET", f"/whatsapp/webhooks/{listed[0]['id']}")
    body = delivery["body"].encode()
    assert post(META_URL, body, "application/json", signing.meta(body, SECRET)).status_code == 200
    deliveries.apply_due()
    assert status(message) == "delivered"
