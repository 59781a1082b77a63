"""What people send by telephone, as it is kept: every kind, and what becomes of it later."""

import json
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client
from django.utils import timezone

from communications.book import contacts
from communications.conversations import thread
from communications.models import (
    Contact,
    Direction,
    Message,
    Organization,
    Suppression,
    WebhookDelivery,
)
from communications.policy import suppressions, whatsapp_window
from communications.receiving import deliveries, message_changes
from communications.sending import receipt_polling
from communications.vocabulary.events import Reason
from tests import factories
from tests.communications.channels.phones import (
    Json,
    Phones,
    attempts,
    guest,
    number_of,
    open_window,
    status,
    write,
)

AMELIA = "447700900123"


def said(kind: str, content: Any = None, /, **more: Any) -> Json:
    """An entry of Meta's `messages`."""
    body = {} if content is None else {kind: content}
    now = str(int(timezone.now().timestamp()))
    usual = {"id": f"wamid.{kind}", "from": AMELIA, "timestamp": now, "type": kind}
    return {**usual, **body, **more}


def comes(phones: Phones, *entries: Json, **value: Any) -> Message:
    phones.meta_posts("messages", messages=list(entries), **value)
    return Message.objects.filter(direction=Direction.INBOUND).latest("created_at")


def shown_by_api(message: Message) -> Json:
    user = factories.member(message.organization)
    client = Client(headers={"authorization": f"Token {factories.token(user)}"})
    found: Json = client.get(f"/api/messages/{message.pk}/").json()
    return found


@pytest.fixture
def hart(venue: Organization) -> Contact:
    contact = guest(venue)
    contact.addresses.exclude(channel="email").update(value=f"+{AMELIA}")
    return contact


# --- kinds --------------------------------------------------------------------------------------

FLOW = {
    "type": "nfm_reply",
    "nfm_reply": {
        "name": "flow",
        "body": "Sent",
        "response_json": json.dumps(
            {
                "flow_token": "t-1",
                "screen_0_Your_name_0": "Jane Doe",
                "guests": 80,
                "diet": ["Vegan", "Nut-free"],
                "venue": {"name": "Barn", "is_booked": True},
            }
        ),
    },
}
CARD = {
    "name": {"formatted_name": "Tom Fields", "first_name": "Tom"},
    "org": {"company": "Fields Flowers"},
    "phones": [{"phone": "+44 7700 900456", "wa_id": "447700900456"}],
    "emails": [{"email": "tom@fields.example"}],
}
ORDER = {
    "catalog_id": "c1",
    "text": "For the tables",
    "product_items": [
        {"product_retailer_id": "roses", "quantity": 2, "item_price": 30, "currency": "GBP"},
        {"product_retailer_id": "vases", "quantity": 1, "item_price": 9.5, "currency": "GBP"},
    ],
}


@pytest.mark.parametrize(
    ("kind", "content", "words", "structured"),
    [
        (
            "interactive",
            FLOW,
            ["Your name: Jane Doe", "Guests: 80", "Diet: Vegan, Nut-free", "Is booked: yes"],
            {"kind": "flow", "name": "flow"},
        ),
        ("contacts", [CARD], ["Tom Fields", "+44 7700 900456", "tom@fields.example"], {}),
        ("order", ORDER, ["For the tables", "2 × roses at 30 GBP", "1 × vases at 9.5 GBP"], {}),
        (
            "location",
            {"latitude": 51.18, "longitude": -1.83, "name": "Rosewood Barn"},
            ["Rosewood Barn", "51.18, -1.83"],
            {"kind": "location", "latitude": 51.18, "longitude": -1.83},
        ),
        ("location", {"latitude": 0, "longitude": 0.0}, ["0, 0.0"], {"latitude": 0}),
        (
            "button",
            {"text": "Yes, gladly", "payload": "rsvp_yes"},
            ["Yes, gladly"],
            {"payload": "rsvp_yes"},
        ),
        (
            "interactive",
            {
                "type": "list_reply",
                "list_reply": {"id": "v", "title": "Vegan", "description": "No"},
            },
            ["Vegan"],
            {"kind": "list_reply", "id": "v", "description": "No"},
        ),
        ("poll", {"question": "Cake?", "options": ["Yes", "No"]}, ["Cake?", "Yes, No"], {}),
        ("unsupported", None, ["WhatsApp does not pass on"], {"kind": "unsupported"}),
        ("unsupported", {"type": "video_note"}, ["video_note"], {"type": "video_note"}),
    ],
)
def test_nothing_becomes_a_word_in_brackets(
    hart: Contact, phones: Phones, kind: str, content: Any, words: list[str], structured: Json
) -> None:
    message = comes(phones, said(kind, content))
    assert message.contact == hart
    assert not message.body.startswith("[")
    assert all(word in message.body for word in words)
    shown = shown_by_api(message)
    assert structured.items() <= shown["content"].items()
    assert shown["body"] == message.body


def test_the_stop_of_a_bus_is_nobodys_opt_out(hart: Contact, phones: Phones) -> None:
    message = comes(phones, said("location", {"latitude": 1, "longitude": 2, "name": "Stop"}))
    assert (message.contact, message.consent) == (hart, "")


def test_the_fields_of_a_form_are_kept_as_they_are(hart: Contact, phones: Phones) -> None:
    message = comes(phones, said("interactive", FLOW))
    assert message.contact == hart
    assert message.content["fields"]["guests"] == 80
    assert message.content["fields"]["venue"] == {"name": "Barn", "is_booked": True}
    broken = {"type": "nfm_reply", "nfm_reply": {"response_json": "{not json", "body": "Sent"}}
    message = comes(phones, said("interactive", broken, id="wamid.broken"))
    assert "{not json" in message.body


def test_a_picture_without_words_has_none_and_a_document_its_name(
    hart: Contact, phones: Phones
) -> None:
    picture = comes(phones, said("image", {"id": "m1", "mime_type": "image/jpeg"}))
    assert (picture.contact, picture.body) == (hart, "")
    paper = {"id": "m2", "mime_type": "application/pdf", "filename": "Guest list.pdf"}
    document = comes(phones, said("document", paper))
    assert document.media[0]["name"] == "Guest list.pdf"
    assert thread.media_files(document.media)[0]["name"] == "Guest list.pdf"


def test_a_place_by_twilio_is_one_as_well(venue: Organization, phones: Phones) -> None:
    place = {"Latitude": "51.18", "Longitude": "-1.83", "Label": "Barn", "Address": "Rose Lane"}
    phones.twilio_receives("", sender=number_of(guest(venue)), **place)
    message = Message.objects.get(direction=Direction.INBOUND)
    assert message.body == "Barn, Rose Lane\n51.18, -1.83"
    assert message.content["kind"] == "location"


def test_what_stands_beside_a_message_is_kept(hart: Contact, phones: Phones) -> None:
    beside = {"context": {"forwarded": True}, "referral": {"headline": "Open day", "body": "Come"}}
    message = comes(phones, said("text", {"body": "Hello"}, **beside))
    assert message.contact == hart
    assert message.content["forwarded"] is True
    assert message.content["referral"]["headline"] == "Open day"


# --- answers, reactions -------------------------------------------------------------------------


def test_the_quoted_message_is_tied(hart: Contact, phones: Phones) -> None:
    open_window(hart)
    ours = phones.send(write(hart, "whatsapp"))
    context = {"from": "15550783881", "id": ours.provider_id}
    answer = comes(phones, said("text", {"body": "Yes"}, id="wamid.a", context=context))
    assert answer.in_reply_to == ours
    again = {"from": AMELIA, "id": "wamid.a"}
    theirs = comes(phones, said("text", {"body": "!"}, id="wamid.b", context=again))
    assert theirs.in_reply_to == answer
    assert shown_by_api(theirs)["in_reply_to"] == str(answer.pk)
    unknown = comes(phones, said("text", {"body": "?"}, id="wamid.c", context={"id": "wamid.x"}))
    assert unknown.in_reply_to is None


def react(phones: Phones, target: str, emoji: str | None, at: int, **more: Any) -> None:
    content = {"message_id": target} | ({} if emoji is None else {"emoji": emoji})
    phones.meta_posts(
        "messages", messages=[said("reaction", content, id=f"r{at}", timestamp=str(at), **more)]
    )


def test_a_reaction_is_tied_to_its_message_and_taken_back(hart: Contact, phones: Phones) -> None:
    open_window(hart)
    ours = phones.send(write(hart, "whatsapp"))
    react(phones, ours.provider_id, "❤", 1795166201)
    react(phones, ours.provider_id, "👍", 1795166203)
    react(phones, ours.provider_id, "😮", 1795166202)
    shown = shown_by_api(ours)
    assert [(reaction["emoji"], reaction["by"]) for reaction in shown["reactions"]] == [
        ("👍", f"+{AMELIA}")
    ]
    react(phones, ours.provider_id, "", 1795166204)
    assert shown_by_api(ours)["reactions"] == []
    react(phones, ours.provider_id, None, 1795166205)
    assert status(ours) == "sent"
    assert not Message.objects.filter(direction=Direction.INBOUND).exists()
    assert ours.events.filter(kind="reacted").count() == 5


def test_a_reaction_to_what_is_not_here_is_a_message(hart: Contact, phones: Phones) -> None:
    react(phones, "wamid.long-ago", "🎉", 1795166201)
    react(phones, "wamid.long-ago", "", 1795166202)
    message = Message.objects.get(direction=Direction.INBOUND)
    assert (message.contact, message.body) == (hart, "🎉")
    assert whatsapp_window.window_end(hart.organization_id, f"+{AMELIA}") is not None


# --- edited, taken back -------------------------------------------------------------------------


def edit(phones: Phones, original: str, text: str, at: int = 1795166300, **more: Any) -> None:
    inner = {"type": "text", "text": {"body": text}}
    content = {"original_message_id": original, "message": inner}
    phones.meta_posts(
        "messages",
        messages=[said("edit", content, id=f"e{at}{text}", timestamp=str(at), **more)],
    )


def test_an_edit_keeps_the_old_text_and_shows_the_new(hart: Contact, phones: Phones) -> None:
    message = comes(phones, said("text", {"body": "80 guests"}, id="wamid.1"))
    edit(phones, "wamid.1", "90 guests", 1795166300)
    edit(phones, "wamid.1", "100 guests", 1795166400)
    edit(phones, "wamid.1", "85 guests", 1795166250)
    shown = shown_by_api(message)
    assert shown["body"] == "100 guests"
    assert {old["body"] for old in shown["edits"]} == {"80 guests", "90 guests", "85 guests"}
    assert Message.objects.filter(contact=hart).count() == 1


def test_an_edit_before_its_message_waits_for_it(hart: Contact, phones: Phones) -> None:
    edit(phones, "wamid.1", "90 guests")
    message = comes(phones, said("text", {"body": "80 guests"}, id="wamid.1"))
    assert (message.contact, message.body) == (hart, "90 guests")
    assert [old["body"] for old in message.edits] == ["80 guests"]


@pytest.mark.usefixtures("hart")
def test_edits_before_their_message_wait_for_it(phones: Phones) -> None:
    edit(phones, "wamid.1", "90 guests", 1795166300)
    edit(phones, "wamid.1", "100 guests", 1795166400)
    message = comes(phones, said("text", {"body": "80 guests"}, id="wamid.1"))
    assert message.body == "100 guests"
    assert [old["body"] for old in message.edits] == ["80 guests", "90 guests"]
    assert message.content == {}


def test_an_edit_into_stop_is_heard(hart: Contact, phones: Phones) -> None:
    comes(phones, said("text", {"body": "Stopp"}, id="wamid.0", **{"from": "447700900999"}))
    message = comes(phones, said("text", {"body": "Hm"}, id="wamid.1"))
    edit(phones, "wamid.1", "STOP")
    message.refresh_from_db()
    assert message.consent == "opt_out"
    assert Suppression.objects.filter(value=f"+{AMELIA}").exists()
    assert hart.organization_id == message.organization_id


def test_a_message_taken_back_keeps_its_text(hart: Contact, phones: Phones) -> None:
    message = comes(phones, said("text", {"body": "Never mind"}, id="wamid.1"))
    for _ in range(2):
        gone = said("revoke", {"original_message_id": "wamid.1"}, id="wamid.2")
        phones.meta_posts("messages", messages=[gone])
    shown = shown_by_api(message)
    assert shown["deleted_at"] is not None
    assert shown["body"] == "Never mind"
    assert message.events.filter(kind="deleted").count() == 1
    assert hart.organization_id == message.organization_id


@pytest.mark.usefixtures("hart")
def test_what_takes_back_a_message_waits_for_it(phones: Phones) -> None:
    gone = said("revoke", {"original_message_id": "wamid.1"}, id="wamid.2")
    phones.meta_posts("messages", messages=[gone])
    assert "not here" in WebhookDelivery.objects.get().error
    message = comes(phones, said("text", {"body": "Hm"}, id="wamid.1"))
    assert deliveries.replay_delivery(WebhookDelivery.objects.earliest("id"))
    message.refresh_from_db()
    assert message.deleted_at is not None


def test_nobody_edits_or_takes_back_what_we_wrote(hart: Contact, phones: Phones) -> None:
    open_window(hart)
    ours = phones.send(write(hart, "whatsapp", body="Our words"))
    edit(phones, ours.provider_id, "Their words")
    gone = said("revoke", {"original_message_id": ours.provider_id}, id="wamid.2")
    phones.meta_posts("messages", messages=[gone])
    ours.refresh_from_db()
    assert (ours.body, ours.edits, ours.deleted_at) == ("Our words", [], None)


def test_of_several_behind_one_number_a_reaction_finds_its_message(phones: Phones) -> None:
    first, second = factories.organization(), factories.organization()
    contact = guest(first)
    other = contacts.create_contact(
        second, name="Ana", addresses=[("whatsapp", number_of(contact))]
    )
    open_window(other)
    ours = phones.send(write(contact, "whatsapp"))
    phones.send(write(other, "whatsapp"))
    react(phones, ours.provider_id, "❤", 1795166201, **{"from": number_of(contact)[1:]})
    assert len(shown_by_api(ours)["reactions"]) == 1


def test_an_edit_that_meets_its_message_on_the_way_is_applied(
    hart: Contact, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = comes(phones, said("text", {"body": "80 guests"}, id="wamid.1"))
    looks = Mock(side_effect=[None, message, message])
    # As a process sees it whose first look was earlier than the other's commit.
    monkeypatch.setattr(message_changes, "find_target", looks)
    edit(phones, "wamid.1", "90 guests")
    message.refresh_from_db()
    assert (message.contact, message.body) == (hart, "90 guests")
    assert [old["body"] for old in message.edits] == ["80 guests"]


# --- another number, a hidden number ------------------------------------------------------------


def test_a_changed_number_is_the_same_contact(hart: Contact, phones: Phones) -> None:
    comes(phones, said("text", {"body": "STOP"}, id="wamid.1"))
    moved = {
        "type": "user_changed_number",
        "body": "User Amelia changed from 447700900123 to 447700900124",
        "wa_id": "447700900124",
        "user_id": "GB.2",
    }
    comes(phones, said("system", moved))
    hart.refresh_from_db()
    assert hart.reachable_at("whatsapp") == "+447700900124"
    assert hart.reachable_at("sms") == "+447700900124"
    after = comes(phones, said("text", {"body": "Hello"}, id="w9", **{"from": "447700900124"}))
    assert after.contact == hart
    hidden = comes(
        phones, said("text", {"body": "Hi"}, id="w8", **{"from": None}, from_user_id="GB.2")
    )
    assert hidden.contact == hart
    assert Suppression.objects.on("whatsapp", ["+447700900124"]).exists()
    assert Contact.objects.filter(organization=hart.organization).count() == 1


def test_what_was_refused_by_sms_is_refused_of_numbers_only(hart: Contact, phones: Phones) -> None:
    suppressions.suppress_address(
        hart.organization, channel="sms", value=f"+{AMELIA}", reason=Reason.OPT_OUT
    )
    moved = {"type": "user_changed_number", "wa_id": "447700900124", "user_id": "GB.2"}
    comes(phones, said("system", moved))
    closed = Suppression.objects.filter(channel="sms").values_list("value", flat=True)
    assert set(closed) == {f"+{AMELIA}", "+447700900124"}


def test_of_two_known_people_a_receipt_unites_only_what_was_refused(
    hart: Contact, phones: Phones
) -> None:
    other = contacts.create_contact(
        hart.organization, name="Tom", addresses=[("whatsapp", "+447700900124")]
    )
    contacts.remember_handle(other, "GB.1349")
    suppressions.suppress_address(
        hart.organization, channel="whatsapp", value="GB.1349", reason=Reason.OPT_OUT
    )
    for said_of_it in ("sent", "delivered", "read"):
        entry = {"id": "wamid.x", "status": said_of_it, "timestamp": "1795166300"}
        person = [{"wa_id": AMELIA, "user_id": "GB.1349"}]
        phones.meta_posts("messages", statuses=[entry], contacts=person)
    assert contacts.contact_by_handle(hart.organization, "GB.1349") == other
    closed = Suppression.objects.values_list("value", flat=True)
    assert sorted(closed) == [f"+{AMELIA}", "GB.1349"]


def test_who_wrote_from_the_new_number_first_becomes_one(hart: Contact, phones: Phones) -> None:
    comes(phones, said("text", {"body": "New number"}, id="w1", **{"from": "447700900124"}))
    comes(phones, said("system", {"type": "user_changed_number", "wa_id": "447700900124"}))
    assert Contact.objects.get(organization=hart.organization) == hart
    assert hart.reachable_at("whatsapp") == "+447700900124"


def test_another_id_of_the_same_person_is_learnt(venue: Organization, phones: Phones) -> None:
    first = comes(phones, said("text", {"body": "A"}, id="w1", **{"from": ""}, from_user_id="GB.1"))
    changed = {"type": "user_changed_user_id", "previous_user_id": "GB.1", "user_id": "GB.2"}
    comes(phones, said("system", changed, **{"from": ""}))
    second = comes(
        phones, said("text", {"body": "B"}, id="w2", **{"from": ""}, from_user_id="GB.2")
    )
    assert first.contact == second.contact
    assert venue == first.organization


def test_a_move_of_nobody_known_is_only_a_message(venue: Organization, phones: Phones) -> None:
    other = factories.organization(whatsapp_from="another number")
    moved = {"type": "user_changed_number", "wa_id": "447700900124"}
    phones.meta_posts("messages", messages=[said("system", moved, **{"from": ""})])
    assert not Contact.objects.filter(organization__in=[venue, other]).exists()


def test_a_number_that_staff_gave_to_another_stays_there(hart: Contact, phones: Phones) -> None:
    tom = contacts.create_contact(
        hart.organization, name="Tom", addresses=[("whatsapp", "+447700900124")]
    )
    comes(phones, said("system", {"type": "user_changed_number", "wa_id": "447700900124"}))
    assert hart.reachable_at("whatsapp") == f"+{AMELIA}"
    assert tom.reachable_at("whatsapp") == "+447700900124"


def test_who_moved_without_sms_gets_none(venue: Organization, phones: Phones) -> None:
    contact = contacts.create_contact(
        venue, name="Jane", addresses=[("whatsapp", f"+{AMELIA}"), ("sms", "+447700900888")]
    )
    comes(phones, said("system", {"type": "user_changed_number", "wa_id": "447700900124"}))
    assert contact.reachable_at("whatsapp") == "+447700900124"
    assert contact.reachable_at("sms") == "+447700900888"
    labels = contact.addresses.filter(channel="whatsapp").values_list("value", "label")
    assert set(labels) == {("+447700900124", ""), (f"+{AMELIA}", "former number")}


def prefers(phones: Phones, value: str, **person: str) -> None:
    choice = {"category": "marketing_messages", "value": value, **person}
    phones.meta_posts("user_preferences", user_preferences=[choice])


def test_the_switch_of_who_hides_the_number_counts(venue: Organization, phones: Phones) -> None:
    contact = hidden(phones, "Hello").contact
    assert contact is not None
    prefers(phones, "stop", user_id="GB.1349")
    closed = Suppression.objects.in_force().get(organization=venue)
    assert (closed.value, closed.marketing_only) == ("GB.1349", True)
    hidden(phones, "Shown", **{"from": AMELIA})
    assert Suppression.objects.on("whatsapp", [f"+{AMELIA}"]).exists()
    prefers(phones, "resume", user_id="GB.1349")
    assert not Suppression.objects.in_force().exists()


def hidden(phones: Phones, text: str, **more: Any) -> Message:
    person = [{"profile": {"name": "Ana"}, "user_id": "GB.1349"}]
    entry = said("text", {"body": text}, id=f"w.{text}", from_user_id="GB.1349", **more)
    entry.pop("from", None) if "from" not in more else None
    return comes(phones, entry, contacts=person)


def test_who_hides_the_number_is_answered_by_the_id(venue: Organization, phones: Phones) -> None:
    contact = hidden(phones, "Hello").contact
    assert contact is not None
    assert (contact.name, contact.organization) == ("Ana", venue)
    (way,) = [option for option in thread.channel_options(contact) if option.channel == "whatsapp"]
    assert (way.is_open, way.value) == (True, "GB.1349")
    answer = phones.send(write(contact, "whatsapp"))
    assert answer.status == "sent"
    (copy,) = phones.copies(answer)
    assert copy["request"]["recipient"] == "GB.1349"
    assert "to" not in copy["request"]


def test_a_stop_of_who_hides_the_number_holds_when_it_shows(
    venue: Organization, phones: Phones
) -> None:
    first = hidden(phones, "STOP")
    second = hidden(phones, "Me again", **{"from": AMELIA})
    assert first.contact == second.contact
    assert first.contact is not None
    assert first.contact.reachable_at("whatsapp") == f"+{AMELIA}"
    probe = write(first.contact, "whatsapp")
    assert probe.status == "suppressed"
    assert Contact.objects.filter(organization=venue).count() == 1
    hidden(phones, "START", **{"from": AMELIA})
    assert not Suppression.objects.in_force().exists()


def test_the_number_of_a_known_contact_and_a_hidden_one_are_one(
    hart: Contact, phones: Phones
) -> None:
    hidden(phones, "STOP")
    message = hidden(phones, "Me again", **{"from": AMELIA})
    assert message.contact == hart
    assert Contact.objects.get(organization=hart.organization) == hart
    assert Message.objects.filter(contact=hart, direction=Direction.INBOUND).count() == 2
    assert Suppression.objects.on("whatsapp", [f"+{AMELIA}"]).exists()


def test_an_id_that_only_the_contacts_name_is_learnt(hart: Contact, phones: Phones) -> None:
    person = [{"profile": {"name": "Ana"}, "wa_id": AMELIA, "user_id": "GB.1349"}]
    comes(phones, said("text", {"body": "Shown"}, id="w1"), contacts=person)
    message = hidden(phones, "Hidden")
    assert message.contact == hart


def test_an_id_that_a_receipt_names_is_learnt(hart: Contact, phones: Phones) -> None:
    open_window(hart)
    attempt = attempts(phones.send(write(hart, "whatsapp")))[0]
    person = [{"wa_id": AMELIA, "user_id": "GB.1349"}]
    for said_of_it in ("sent", "delivered"):
        entry = {"id": attempt.provider_id, "status": said_of_it, "timestamp": "1795166300"}
        phones.meta_posts("messages", statuses=[entry], contacts=person)
    assert hidden(phones, "Hidden").contact == hart
    assert hart.handles.count() == 1


def test_a_number_that_a_receipt_names_is_learnt(venue: Organization, phones: Phones) -> None:
    contact = hidden(phones, "STOP").contact
    assert contact is not None
    entry = {"id": "wamid.x", "status": "read", "timestamp": "1795166300"}
    person = [{"wa_id": AMELIA, "user_id": "GB.1349"}, {"wa_id": "447700900888", "user_id": "GB.9"}]
    phones.meta_posts("messages", statuses=[entry], contacts=person)
    assert contact.reachable_at("whatsapp") == f"+{AMELIA}"
    assert Suppression.objects.on("whatsapp", [f"+{AMELIA}"]).exists()
    assert Contact.objects.get(organization=venue) == contact


def test_who_wrote_under_the_new_id_first_becomes_one(venue: Organization, phones: Phones) -> None:
    first = hidden(phones, "A").contact
    comes(phones, said("text", {"body": "B"}, id="w2", **{"from": ""}, from_user_id="GB.2"))
    changed = {"type": "user_changed_user_id", "previous_user_id": "GB.1349", "user_id": "GB.2"}
    comes(phones, said("system", changed, **{"from": ""}))
    assert Contact.objects.get(organization=venue) == first


# --- groups, echoes -----------------------------------------------------------------------------


def test_a_group_joins_no_private_thread(hart: Contact, phones: Phones) -> None:
    message = comes(phones, said("text", {"body": "STOP"}, id="w1", group_id="g-1"))
    assert (message.contact, message.group, message.sender) == (None, "g-1", f"+{AMELIA}")
    assert not Suppression.objects.exists()
    assert not Message.objects.in_conversation(hart.pk).exists()
    assert shown_by_api(message)["group"] == "g-1"


def echo(phones: Phones, *entries: Json) -> None:
    phones.meta_posts("smb_message_echoes", message_echoes=list(entries))


def test_what_the_owner_wrote_on_the_telephone_is_in_the_thread(
    hart: Contact, phones: Phones
) -> None:
    entry = said("text", {"body": "From my telephone"}, id="wamid.echo", to=AMELIA)
    for _ in range(2):
        echo(phones, {**entry, "from": "15550783881"})
    (message,) = Message.objects.in_conversation(hart.pk)
    assert (message.direction, message.status, message.is_echo) == ("outbound", "sent", True)
    assert (message.body, message.to) == ("From my telephone", f"+{AMELIA}")
    assert shown_by_api(message)["is_echo"] is True
    phones.meta_says(attempts(message)[0], "read", biz_opaque_callback_data="")
    assert status(message) == "read"


def test_of_several_behind_one_number_the_last_that_wrote_wrote_on(phones: Phones) -> None:
    factories.organization()
    second = factories.organization()
    contact = guest(second)
    phones.send(write(contact, "whatsapp"))
    echo(phones, said("text", {"body": "Hi"}, **{"from": "1555", "to": number_of(contact)[1:]}))
    assert Message.objects.get(is_echo=True).organization == second


def test_nobody_asks_for_the_receipt_of_an_echo(hart: Contact, phones: Phones) -> None:
    echo(phones, said("text", {"body": "Hi"}, **{"from": "1555", "to": AMELIA}))
    phones.pass_time(hours=2)
    assert not receipt_polling.poll_overdue_receipts()
    assert Message.objects.in_conversation(hart.pk).get().status == "sent"


def test_an_echo_is_edited_and_taken_back_as_well(hart: Contact, phones: Phones) -> None:
    ours = {"from": "15550783881", "to": AMELIA}
    echo(phones, said("text", {"body": "At 11"}, **{**ours, "id": "wamid.echo"}))
    inner = {"type": "text", "text": {"body": "At 12"}}
    anew = {"original_message_id": "wamid.echo", "message": inner}
    echo(phones, said("edit", anew, **{**ours, "id": "wamid.e2"}))
    echo(phones, said("revoke", {"original_message_id": "wamid.echo"}, **{**ours, "id": "w3"}))
    (message,) = Message.objects.in_conversation(hart.pk)
    assert (message.body, message.edits[0]["body"]) == ("At 12", "At 11")
    assert (message.deleted_at is None, message.status) == (False, "sent")


def test_an_emoji_of_the_owners_own_makes_no_contact(hart: Contact, phones: Phones) -> None:
    message = comes(phones, said("text", {"body": "Hi"}, id="wamid.1"))
    for target in ("wamid.1", "wamid.unknown"):
        emoji = {"message_id": target, "emoji": "❤"}
        echo(phones, said("reaction", emoji, id=f"r{target}", **{"from": "15550783881"}))
    assert shown_by_api(message)["reactions"][0]["by"] == "+15550783881"
    assert Contact.objects.get() == hart
    assert Message.objects.count() == 1


@pytest.mark.usefixtures("venue")
def test_an_echo_of_nobodys_number_waits_for_staff(phones: Phones) -> None:
    value = {"metadata": {"phone_number_id": "nobody's"}}
    entry = said("text", {"body": "?"}, to=AMELIA)
    phones.meta_posts("smb_message_echoes", message_echoes=[entry], **value)
    assert "nobody's" in WebhookDelivery.objects.get().error


@pytest.mark.usefixtures("hart")
def test_an_edit_of_an_echo_that_never_came_is_nobodys_message(phones: Phones) -> None:
    anew = {"original_message_id": "wamid.x", "message": {"type": "text", "text": {"body": "?"}}}
    echo(phones, said("edit", anew, to=AMELIA))
    assert not Message.objects.exists()
    assert "not here" in WebhookDelivery.objects.get().error


def test_an_echo_to_a_stranger_makes_the_contact(venue: Organization, phones: Phones) -> None:
    echo(phones, said("text", {"body": "Hello"}, **{"from": "1555", "to": "447700900777"}))
    message = Message.objects.get()
    assert message.contact is not None
    assert message.contact.reachable_at("whatsapp") == "+447700900777"
    assert message.organization == venue
    echo(phones, said("text", {"body": "All"}, id="w5", to="g-1", recipient_type="group"))
    assert Message.objects.get(provider_id="w5").contact is None


# --- numbers nobody would take, ids nobody gave -------------------------------------------------


@pytest.mark.parametrize(
    ("old", "present"),
    [
        ("22507020304", "+2250707020304"),
        ("22997123456", "+2290197123456"),
        ("5215512345678", "+525512345678"),
        ("24107123456", "+24177123456"),
        ("841691234567", "+84391234567"),
    ],
)
def test_an_old_number_is_a_conversation_and_its_stop_counts(
    venue: Organization, phones: Phones, old: str, present: str
) -> None:
    message = comes(phones, said("text", {"body": "STOP"}, **{"from": old}))
    assert message.contact is not None
    assert message.contact.reachable_at("whatsapp") == present
    assert Suppression.objects.on("whatsapp", [present]).exists()
    assert Suppression.objects.on("whatsapp", [f"+{old}"]).exists()
    phones.twilio_receives("STOP", sender=f"+{old}")
    assert Suppression.objects.on("sms", [present]).exists()
    assert Contact.objects.filter(organization=venue).count() == 2


@pytest.mark.parametrize("form", ["+541123456789", "+5491123456789"])
def test_argentinas_9_joins_the_contact(venue: Organization, phones: Phones, form: str) -> None:
    contact = guest(venue)
    contact.addresses.filter(channel="whatsapp").update(value=form)
    for number, wa_id in enumerate(("541123456789", "5491123456789")):
        entry = said("text", {"body": "STOP"}, id=f"w{number}", **{"from": wa_id})
        assert comes(phones, entry).contact == contact
    assert write(contact, "whatsapp").status == "suppressed"


def test_a_number_that_nobody_knows_is_a_conversation_with_rights(
    venue: Organization, phones: Phones
) -> None:
    phones.twilio_receives("STOP", sender="+99912345678")
    message = Message.objects.get(direction=Direction.INBOUND)
    assert message.contact is not None
    assert message.contact.reachable_at("sms") == "+99912345678"
    assert Suppression.objects.on("sms", ["+99912345678"]).exists()
    assert venue == message.organization


def test_two_without_an_id_are_both_kept(venue: Organization, phones: Phones) -> None:
    entries = [said("text", {"body": text}, id=None) for text in ("One", "Two")]
    for _ in range(2):
        phones.meta_posts("messages", messages=entries)
    for text in ("Three", "Four"):
        phones.twilio_receives(text, sender=f"+{AMELIA}", MessageSid="")
    found = Message.objects.filter(organization=venue).order_by("created_at")
    assert [message.body for message in found] == ["One", "Two", "Three", "Four"]


@pytest.mark.parametrize("said_at", ["0", "-62135596800", "99999999999", "253402300799", None])
def test_a_time_that_cannot_be_meant_breaks_no_page(
    hart: Contact, phones: Phones, said_at: str | None
) -> None:
    message = comes(phones, said("text", {"body": "Hello"}, timestamp=said_at))
    user = factories.member(hart.organization)
    client = Client()
    client.force_login(user)
    page = client.get(f"/admin/communications/message/{message.pk}/change/")
    assert page.status_code == 200
    assert shown_by_api(message)["body"] == "Hello"


def test_two_first_messages_of_who_hides_the_number_are_one_contact(
    venue: Organization, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hidden(phones, "One").contact
    # As a process sees it whose look was earlier than the other's commit.
    monkeypatch.setattr(contacts, "contact_by_handle", lambda *_: None)
    assert hidden(phones, "Two").contact == first
    assert Contact.objects.filter(organization=venue).count() == 1
