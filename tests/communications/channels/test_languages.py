"""A template in several languages: which one a person gets, and who is told why."""

from typing import Any

import pytest

from communications.book import contacts
from communications.composing.compose import compose_message, preview_message
from communications.composing.drafts import Draft
from communications.conversations import thread
from communications.errors import Refused
from communications.models import Contact, Organization, Template
from tests.communications.channels.phones import (
    VALUES,
    Phones,
    explanations,
    guest,
    template,
    write,
)


@pytest.fixture
def amelia(venue: Organization) -> Contact:
    return guest(venue, window=False)


def speaks(contact: Contact, language: str) -> Contact:
    contacts.change_contact(contact, language=language)
    contact.refresh_from_db()
    return contact


def ours(of: Organization, language: str, body: str) -> Template:
    """A text of our own."""
    return Template.objects.create(
        organization=of, channel="sms", name="soon", language=language, body=body
    )


def languages(contact: Contact, **more: str) -> Any:
    draft: dict[str, Any] = {
        "body": "",
        "template": "wedding_update",
        "variables": VALUES,
        **more,
    }
    return write(contact, "whatsapp", **draft).template_ref["language"]


@pytest.fixture
def bilingual(venue: Organization) -> None:
    template(venue)
    # Approved last, which chose it until now.
    template(venue, language="de", body="Hallo {{1}}, es gibt Neues über {{2}}.")


@pytest.mark.usefixtures("phones", "bilingual")
@pytest.mark.parametrize(
    ("contact_s", "organization_s", "taken"),
    [
        ("en", [], "en_US"),
        ("en-GB", ["de"], "en_US"),
        ("de-AT", [], "de"),
        ("", ["de"], "de"),
        ("fr", ["it", "de", "en"], "de"),
        ("", [], "en_US"),
        ("fr", [], "en_US"),
    ],
)
def test_the_contact_s_language_chooses_then_the_organization_s(
    amelia: Contact, contact_s: str, organization_s: list[str], taken: str
) -> None:
    Organization.objects.update(languages=organization_s)
    assert languages(speaks(amelia, contact_s)) == taken


@pytest.mark.usefixtures("phones", "bilingual")
@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"unsendable": "It has a carousel."}, "It has a carousel."),
        ({"approval": "PAUSED"}, "it is paused"),
        ({"approval": ""}, "it is not approved"),
    ],
)
def test_a_version_that_cannot_be_sent_is_none(
    amelia: Contact, columns: dict[str, str], why: str
) -> None:
    Template.objects.filter(language="de").update(**columns)
    assert languages(speaks(amelia, "de")) == "en_US"
    with pytest.raises(Refused, match=why):
        languages(amelia, language="de")


@pytest.mark.usefixtures("phones", "bilingual")
@pytest.mark.parametrize(
    ("asked", "taken"), [("EN", "en_US"), ("en-US", "en_US"), ("de_AT", "de"), ("de", "de")]
)
def test_who_asks_for_a_language_gets_it(amelia: Contact, asked: str, taken: str) -> None:
    assert languages(speaks(amelia, "en"), language=asked) == taken


@pytest.mark.usefixtures("phones", "bilingual")
@pytest.mark.parametrize("asked", ["fr", "xx", "en-GB", "pt_BR", "Deutsch", "💍"])
def test_what_is_not_there_is_refused_with_the_list(amelia: Contact, asked: str) -> None:
    with pytest.raises(Refused, match="It is in: de, en_US") as refused:
        languages(amelia, language=asked)
    assert refused.value.field == "language"


@pytest.mark.usefixtures("phones")
def test_a_version_that_is_paused_chooses_for_nobody(venue: Organization, amelia: Contact) -> None:
    template(venue)
    template(venue, language="de", approval="PAUSED")
    assert languages(speaks(amelia, "de")) == "en_US"
    with pytest.raises(Refused, match="paused"):
        languages(amelia, language="de")


@pytest.mark.usefixtures("bilingual")
def test_the_choice_goes_out_and_is_shown(phones: Phones, amelia: Contact) -> None:
    speaks(amelia, "de")
    draft: dict[str, Any] = {"body": "", "template": "wedding_update", "variables": VALUES}
    message = write(amelia, "whatsapp", **draft)
    assert message.language == "de"
    assert "in German (de), because it is the contact’s language" in explanations(message)
    preview = preview_message(
        amelia.organization, Draft(channel="whatsapp", contact=amelia.pk, **draft)
    )
    assert (preview.language, preview.body[:5]) == ("de", "Hallo")
    assert "contact’s language" in preview.language_reason
    [offered] = thread.channel_options(amelia)[-1].templates
    assert offered.language == "de"
    phones.send(message)
    [copy] = phones.sandbox.control("GET", "/whatsapp/requests?limit=1")["requests"]
    assert copy["path"].endswith("/messages")


@pytest.mark.usefixtures("phones")
def test_texts_of_our_own_are_chosen_alike(venue: Organization, amelia: Contact) -> None:
    ours(venue, "de", "Bis bald")
    ours(venue, "", "Soon")
    to = amelia.addresses.get(channel="sms").value
    sms = Draft(channel="sms", to=to, template="soon")
    assert compose_message(venue, sms).message.body == "Soon"
    speaks(amelia, "de_CH")
    # The address leads to the contact, who has a language.
    assert compose_message(venue, sms).message.body == "Bis bald"


@pytest.mark.usefixtures("phones")
def test_free_text_may_say_its_language(amelia: Contact) -> None:
    assert write(amelia, "sms", language="EN-gb").language == "en_GB"
    with pytest.raises(Refused, match="is no language"):
        write(amelia, "sms", language="xx")
