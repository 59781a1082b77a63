"""Numbers that no SMS reaches, as far as their numbering plan tells."""

import pytest

from communications.book import contacts
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.conversations import thread
from communications.errors import Refused
from communications.models import Contact, Organization
from communications.vocabulary.phone_numbers import sms_refusal
from tests.communications.channels.phones import Phones, explanations, open_window, write

LANDLINE = "+442079460018"


@pytest.fixture
def office(venue: Organization) -> Contact:
    addresses = [("sms", LANDLINE), ("whatsapp", LANDLINE), ("email", "office@example.com")]
    return contacts.create_contact(venue, name="The registry office", addresses=addresses)


@pytest.mark.parametrize("number", [LANDLINE, "+493012345678", "+33142278186"])
def test_a_landline_is_one(number: str) -> None:
    assert sms_refusal(number).endswith("is a landline, which takes no SMS.")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+448081570123", "a freephone number"),
        ("+448001111111", "a freephone number"),
        ("+441632960123", "a landline"),
        ("+33199001234", "a landline"),
        ("+61255501234", "a landline"),
        ("+19005551234", "a premium-rate number"),
        ("+449098790123", "a premium-rate number"),
        ("+448441234567", "a premium-rate number"),
        ("+443069990123", "a company's number for calls"),
        ("+498001234567", "a freephone number"),
    ],
)
def test_what_no_mobile_has_is_called_what_it_is(number: str, kind: str) -> None:
    assert sms_refusal(number).endswith(f"is {kind}, which takes no SMS.")


@pytest.mark.parametrize(
    "number",
    [
        "+447700900123",
        "+12125550123",
        "+18003569377",
        "+33639981234",
        "+5215512345678",
        "12345",
        "",
    ],
)
def test_what_may_be_a_mobile_is_not(number: str) -> None:
    assert sms_refusal(number) == ""


@pytest.mark.usefixtures("phones")
def test_an_sms_to_one_is_refused_with_what_to_do(venue: Organization, office: Contact) -> None:
    why = "^\\+44 20 7946 0018 is a landline.* Give a mobile number, or take another channel."
    with pytest.raises(Refused, match=why) as given:
        compose_message(venue, Draft(channel="sms", to="020 7946 0018", body="See you soon."))
    with pytest.raises(Refused, match=why) as chosen:
        write(office, "sms")
    assert (given.value.field, chosen.value.field) == ("to", "contact")


def test_whatsapp_reaches_it_and_a_plan_passes_sms_by(office: Contact, phones: Phones) -> None:
    open_window(office)
    plan = [{"channel": "sms"}, {"channel": "email"}]
    message = write(office, "whatsapp", fallback=plan)
    phones.breaks("whatsapp", "status", status=400, name="131026", count=1)
    assert phones.send(message).went_by == "email"
    assert "Not by SMS: +44 20 7946 0018 is a landline" in explanations(message)


@pytest.mark.usefixtures("phones")
def test_in_a_conversation_the_channel_says_why_it_is_closed(office: Contact) -> None:
    [sms] = [option for option in thread.channel_options(office) if option.channel == "sms"]
    assert not sms.is_open
    assert sms.reason == "+44 20 7946 0018 is a landline, which takes no SMS."
