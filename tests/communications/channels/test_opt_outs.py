"""Who says stop is heard: as people type it, by button, and by what a person reads in it."""

import pytest
from django.test import Client
from django.urls import reverse

from communications.errors import NotPossible
from communications.models import Message, Organization, Suppression
from communications.policy import suppressions
from communications.vocabulary.consent.consent_keywords import Consent
from tests import factories
from tests.communications.channels.phones import (
    VALUES,
    Phones,
    guest,
    number_of,
    status,
    template,
    write,
)
from wedsync_comms.lib.admin_kit.roles import Role


def inbound(organization: Organization) -> Message:
    return Message.objects.filter(organization=organization, direction="inbound").latest(
        "created_at"
    )


def in_force(organization: Organization) -> list[Suppression]:
    return list(Suppression.objects.in_force().filter(organization=organization))


@pytest.mark.parametrize(
    "text",
    ["Stop.", "STOP!", "Stop please", "STOP ALL", "OPT OUT", "ARRÊT", "PARAR", "BAJA", "stop 🙏"],
)
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_an_opt_out_is_heard_as_people_type_it(
    venue: Organization, phones: Phones, text: str, channel: str
) -> None:
    contact = guest(venue)
    receives = phones.twilio_receives if channel == "sms" else phones.meta_receives
    receives(text, sender=number_of(contact))

    assert inbound(venue).consent == Consent.OPT_OUT
    assert status(write(contact, channel)) == "suppressed"


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_sentence_with_the_word_in_it_closes_nothing_and_is_marked(
    venue: Organization, phones: Phones, channel: str
) -> None:
    contact = guest(venue)
    receives = phones.twilio_receives if channel == "sms" else phones.meta_receives
    receives("We stop by at three", sender=number_of(contact))

    assert inbound(venue).consent == Consent.POSSIBLE_OPT_OUT
    assert in_force(venue) == []
    assert status(write(contact, channel)) == "queued"


def test_staff_confirms_a_possible_opt_out_with_one_click(
    venue: Organization, phones: Phones, client: Client
) -> None:
    contact = guest(venue)
    phones.twilio_receives("Could you stop these please", sender=number_of(contact))
    message = inbound(venue)
    client.force_login(factories.member(venue, username="olga"))
    page = reverse("admin:communications_message_change", args=[message.pk])
    assert "Possible opt-out" in client.get(page).text

    client.post(reverse("admin:communications_message_confirm_opt_out", args=[message.pk]))

    message.refresh_from_db()
    assert message.consent == Consent.OPT_OUT
    (row,) = in_force(venue)
    assert row.detail == "They wrote “Could you stop these please”; olga read it as an opt-out."
    assert status(write(contact, "sms")) == "suppressed"
    assert "Confirm opt-out" not in client.get(page).text


def test_a_viewer_and_a_stranger_confirm_nothing(
    venue: Organization, phones: Phones, client: Client
) -> None:
    contact = guest(venue)
    phones.twilio_receives("We stop by at three", sender=number_of(contact))
    message = inbound(venue)
    confirm = reverse("admin:communications_message_confirm_opt_out", args=[message.pk])

    client.force_login(factories.member(venue, Role.VIEWER))
    assert client.post(confirm).status_code == 403
    client.force_login(factories.member(factories.organization()))
    assert client.post(confirm).status_code in {302, 404}

    message.refresh_from_db()
    assert message.consent == Consent.POSSIBLE_OPT_OUT
    assert in_force(venue) == []


def test_what_was_no_opt_out_is_marked_so_and_decided_once(
    venue: Organization, phones: Phones
) -> None:
    phones.twilio_receives("We stop by at three", sender=number_of(guest(venue)))
    message = inbound(venue)

    suppressions.dismiss_opt_out(message)

    message.refresh_from_db()
    assert message.consent == Consent.NONE
    with pytest.raises(NotPossible):
        suppressions.confirm_opt_out(message, by="olga")
    assert in_force(venue) == []


@pytest.mark.parametrize(
    "button",
    [
        {"text": "Stop promotions", "payload": "Stop promotions"},
        {"text": "Stop offers", "payload": "offers-off"},
        {"text": "No thanks", "payload": "Stop promotions"},
        {"text": "Werbung stoppen", "payload": "x"},
    ],
)
def test_the_button_of_a_marketing_template_refuses_marketing_alone(
    venue: Organization, phones: Phones, button: dict[str, str]
) -> None:
    contact = guest(venue)
    template(venue, "spring_offer", category="MARKETING")
    template(venue, "wedding_update", category="UTILITY")
    phones.meta_receives("", sender=number_of(contact), type="button", button=button)

    assert inbound(venue).consent == Consent.OPT_OUT
    (row,) = in_force(venue)
    assert row.marketing_only
    assert (
        status(write(contact, "whatsapp", body="", template="spring_offer", variables=VALUES))
        == "suppressed"
    )
    assert (
        status(write(contact, "whatsapp", body="", template="wedding_update", variables=VALUES))
        == "queued"
    )


def test_another_button_refuses_nothing(venue: Organization, phones: Phones) -> None:
    button = {"text": "I will be there", "payload": "I will be there"}
    phones.meta_receives("", sender=number_of(guest(venue)), type="button", button=button)

    assert inbound(venue).consent == Consent.NONE
    assert in_force(venue) == []


def test_who_asks_for_messages_again_may_be_written_to(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    phones.meta_receives("STOP", sender=number_of(contact))
    phones.meta_receives("Start please!", sender=number_of(contact))

    assert inbound(venue).consent == Consent.OPT_IN
    assert in_force(venue) == []


def test_an_organization_has_words_of_its_own_and_nobody_else_has_them(phones: Phones) -> None:
    first = factories.organization(sms_from="+15550100901", opt_out_words="Genug\nRuhe jetzt")
    second = factories.organization(sms_from="+15550100902")
    for organization, ours in ((first, "+15550100901"), (second, "+15550100902")):
        phones.twilio_receives("genug!", sender=number_of(guest(organization)), to=ours)

    assert inbound(first).consent == Consent.OPT_OUT
    assert inbound(second).consent == Consent.NONE
    assert in_force(second) == []


@pytest.mark.parametrize(("channel", "consent"), [("sms", "opt_in"), ("whatsapp", "")])
def test_a_yes_asks_for_texts_and_answers_a_question_elsewhere(
    venue: Organization, phones: Phones, channel: str, consent: str
) -> None:
    receives = phones.twilio_receives if channel == "sms" else phones.meta_receives
    receives("YES!", sender=number_of(guest(venue)))
    assert inbound(venue).consent == consent


def test_the_owner_sees_which_words_and_phrases_are_heard(
    venue: Organization, client: Client
) -> None:
    client.force_login(factories.member(venue, Role.OWNER))
    page = client.get(reverse("admin:communications_organization_change", args=[venue.pk]))
    assert "Opt-out phrases heard by default" in page.text
    assert "angebote" in page.text


def test_the_api_tells_what_a_message_says_about_consent(
    venue: Organization, phones: Phones, client: Client
) -> None:
    phones.twilio_receives("ARRET", sender=number_of(guest(venue)))
    token = factories.token(factories.member(venue))
    answer = client.get(
        f"/api/messages/{inbound(venue).pk}/", headers={"Authorization": f"Token {token}"}
    )

    assert answer.json()["consent"] == "opt_out"


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_an_opt_in_is_in_the_ledger_with_its_words_also_where_it_lifts_nothing(
    venue: Organization, phones: Phones, channel: str
) -> None:
    contact = guest(venue)
    receives = phones.twilio_receives if channel == "sms" else phones.meta_receives
    receives("Start!", sender=number_of(contact))
    entry = Suppression.objects.get(organization=venue)
    assert (entry.reason, entry.value) == ("opt_in", number_of(contact))
    assert (entry.detail, entry.lifted_by) == ("They wrote “Start!”.", "the recipient")
    assert in_force(venue) == []
    assert status(write(contact, channel)) == "queued"

    receives("STOP", sender=number_of(contact))
    receives("UNSTOP", sender=number_of(contact))
    told = Suppression.objects.filter(organization=venue).order_by("pk")
    assert [row.detail for row in told] == [
        "They wrote “Start!”.",
        "They wrote “STOP”.",
        "They wrote “UNSTOP”.",
    ]
    assert [row.reason for row in told] == ["opt_in", "opt_out", "opt_in"]
    assert in_force(venue) == []


@pytest.mark.usefixtures("phones")
def test_owners_read_the_words_as_people_write_them_and_what_providers_keep(
    venue: Organization, client: Client
) -> None:
    client.force_login(factories.member(venue, Role.OWNER, username="olga"))
    page = client.get(reverse("admin:communications_organization_change", args=[venue.pk])).text
    for words in ("don’t contact me", "arrêt", "wypisuję się", "désabonnez-moi", "não quero mais"):
        assert words in page
    assert "Twilio keeps a list for each number" in page
    assert "Meta’s list of blocked people" in page
