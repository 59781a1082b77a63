"""Numbers that nobody has are refused where a person gives them, and kept where a machine does."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from communications.book import contacts
from communications.book.files.records import record_from_cells
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.conversations import thread
from communications.errors import Refused
from communications.models import Contact, Direction, Message, Organization
from communications.policy import channel_fallback
from tests.communications.admin_pages import listed, logged_in, plain_static, url
from tests.communications.edges.test_api import Api, api, organization, user

__all__ = ["api", "organization", "plain_static", "user"]

pytestmark = pytest.mark.django_db

# Ofcom has given it to nobody, as far as we know.
DOUBTFUL = "+449460018"


@pytest.fixture(autouse=True)
def telephones(settings: Settings) -> None:
    options = {"account_sid": "AC1", "auth_tokens": ["t"], "sender": "+447700900900"}
    backend = "communications.providers.twilio.Twilio"
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "twilio": {"BACKEND": backend, "OPTIONS": options},
    }
    settings.ROUTES = {**settings.ROUTES, "sms": ["twilio"]}


def sms(to: str, **more: Any) -> dict[str, Any]:
    return {"channel": "sms", "to": to, "body": "Soon.", **more}


@pytest.mark.parametrize("to", ["12345", "68849", "946 0018", "5550100", "+12345", DOUBTFUL])
def test_a_message_to_a_number_nobody_has_is_a_400_that_says_why(api: Api, to: str) -> None:
    answer = api.post("messages/", sms(to))
    assert answer.status_code == 400, answer.json()
    assert "number" in answer.json()["to"][0]
    assert not Message.objects.exists()


@pytest.mark.parametrize("to", ["07700 900123", "01632 960123", "+33639981234", "+61491570156"])
def test_numbers_of_films_are_taken_by_the_address_book(api: Api, to: str) -> None:
    made = api.post(
        "contacts/", {"name": "Amelia", "addresses": [{"channel": "whatsapp", "value": to}]}
    )
    assert made.status_code == 201, made.json()


def test_whoever_insists_may_write_to_a_possible_number_but_to_no_other(api: Api) -> None:
    answer = api.post("messages/", sms("946 0018", allow_unconfirmed=True))
    assert (answer.status_code, answer.json()["to"]) == (201, DOUBTFUL)
    for to in ("12345", "68849", "+12345", "020 7946 0018 ext 3"):
        assert api.post("messages/", sms(to, allow_unconfirmed=True)).status_code == 400
    preview = api.post("messages/preview/", sms("946 0018"))
    assert "No network" in preview.json()["to"][0]


def test_a_contact_gets_such_a_number_only_from_somebody_who_insists(api: Api) -> None:
    given = {"name": "Amelia", "addresses": [{"channel": "sms", "value": DOUBTFUL}]}
    refused = api.post("contacts/", given)
    assert (refused.status_code, list(refused.json())) == (400, ["addresses"])
    made = api.post("contacts/", {**given, "allow_unconfirmed": True})
    assert made.json()["addresses"] == [{"channel": "sms", "value": DOUBTFUL, "is_confirmed": True}]
    contact = made.json()["id"]
    to_them = {"channel": "sms", "contact": contact, "body": "Soon."}
    assert api.post("messages/", to_them).status_code == 201
    # It stays, whatever else is changed.
    changed = api("PATCH", f"contacts/{contact}/", {**given, "name": "Amy"})
    assert changed.json()["addresses"][0]["is_confirmed"] is True


@pytest.fixture
def imported(organization: Organization) -> Contact:
    record = record_from_cells(organization, 1, {"Mobile": "946 0018"}, {"Mobile": "sms"})
    return contacts.create_contact(organization, name="Amelia", addresses=record.entries)


def test_what_a_file_brings_is_kept_and_says_why_it_cannot_be_written_to(
    organization: Organization, imported: Contact, api: Api
) -> None:
    [address] = imported.addresses.all()
    assert (address.value, address.is_confirmed) == (DOUBTFUL, False)
    [sms_option] = [o for o in thread.channel_options(imported) if o.channel == "sms"]
    assert not sms_option.is_open
    assert "No network" in sms_option.reason
    with pytest.raises(Refused, match="No network") as refused:
        compose_message(organization, Draft(channel="sms", contact=imported.pk, body="Soon."))
    assert refused.value.field == "contact"
    kept = api(
        "PATCH",
        f"contacts/{imported.pk}/",
        {
            "name": "Amy",
            "addresses": [{"channel": "sms", "value": DOUBTFUL, "label": "home"}],
        },
    )
    assert kept.status_code == 200, kept.json()
    once = {"channel": "sms", "contact": imported.pk, "body": "Soon.", "allow_unconfirmed": True}
    assert api.post("messages/", once).status_code == 201


def test_a_plan_passes_by_a_number_nobody_has(imported: Contact) -> None:
    contacts.add_address(imported, channel="email", value="amelia@hart.example")
    plan = [{"channel": "sms"}]
    draft = Draft(contact=imported.pk, subject="Hi", body="Soon.", fallback=plan)
    message = compose_message(imported.organization, draft).message
    assert "No network" in channel_fallback.leg_obstacle(message, "sms", DOUBTFUL)


def test_whoever_wrote_from_a_number_has_it(organization: Organization, imported: Contact) -> None:
    Message.objects.create(
        organization=organization,
        contact=imported,
        direction=Direction.INBOUND,
        channel="sms",
        leg_channel="sms",
        sender=DOUBTFUL,
    )
    draft = Draft(channel="sms", contact=imported.pk, body="Soon.")
    assert compose_message(organization, draft).message.to == DOUBTFUL


def test_a_number_stored_by_an_older_release_breaks_no_page(
    organization: Organization, api: Api
) -> None:
    contact = contacts.create_contact(organization, name="Amelia", addresses=[])
    contact.addresses.create(organization=organization, channel="sms", value="+4412345")
    kept = api(
        "PATCH",
        f"contacts/{contact.pk}/",
        {
            "name": "Amy",
            "addresses": [{"channel": "sms", "value": "+4412345"}],
        },
    )
    assert kept.status_code == 200, kept.json()
    answer = api.post(
        "messages/",
        {"channel": "sms", "contact": contact.pk, "body": "Hi", "allow_unconfirmed": True},
    )
    assert "short code" in answer.json()["contact"][0]


@pytest.mark.usefixtures("plain_static")
def test_the_forms_have_a_tick_for_it(user: User, organization: Organization) -> None:
    client = logged_in(user)
    form = {"key": str(uuid4()), "channel": "sms", "to": "946 0018", "body": "Hi", "priority": "1"}
    refused = client.post(listed(Message, "add"), form)
    assert "No network is known" in refused.content.decode()
    client.post(listed(Message, "add"), {**form, "allow_unconfirmed": "on"})
    assert Message.objects.get().to == DOUBTFUL

    contact = contacts.create_contact(organization, name="Amelia", addresses=[])
    rows = {
        "name": "Amelia",
        "addresses-TOTAL_FORMS": 1,
        "addresses-INITIAL_FORMS": 0,
        "addresses-0-channel": "sms",
        "addresses-0-value": "946 0018",
    }
    refused = client.post(url(contact), rows)
    assert "No network is known" in refused.content.decode()
    client.post(url(contact), {**rows, "addresses-0-is_confirmed": "on"})
    assert contact.addresses.get().is_confirmed


def test_a_text_message_carries_no_attachments(api: Api) -> None:
    files = [{"filename": "menu.pdf", "content": "QQ=="}]
    answer = api.post("messages/", sms("07700 900123", attachments=files))
    assert (answer.status_code, list(answer.json())) == (400, ["attachments"])


def test_a_word_behind_a_number_is_not_read_as_its_digits(api: Api) -> None:
    answer = api.post("messages/", sms("0170 1234567 Mobil", allow_unconfirmed=True))
    assert answer.status_code == 400
    assert "has letters in it" in answer.json()["to"][0]
