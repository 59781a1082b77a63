"""Everything about one person: given out, and forgotten but for the proof and the refusal."""

import json

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from communications.book import (
    contacts,
    duplicates,
    erasure,
    merging,
)
from communications.book.files import (
    exporting,
    importing,
)
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.models import (
    Attempt,
    Call,
    Contact,
    ContactChange,
    Event,
    Merge,
    Message,
    Organization,
    Suppression,
    WebhookDelivery,
)
from communications.policy import suppressions
from communications.vocabulary.events import (
    Kind,
    Reason,
    Source,
)
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.book.meanwhile import opened_all_the_time

pytestmark = pytest.mark.django_db

EMAIL = "amelia@hart.example"


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


@pytest.fixture
def amelia(venue: Organization) -> Contact:
    return contacts.create_contact(
        venue, name="Amelia Hart", notes="Vegan", addresses=[("email", EMAIL)]
    )


def delivered(amelia: Contact) -> Message:
    message = factories.message(amelia.organization, contact=amelia.pk, to="", body="Secret plan")
    Message.objects.filter(pk=message.pk).update(
        status=Status.DELIVERED,
        send_after=None,
        error=f"Late for {EMAIL}",
    )
    now = timezone.now()
    attempt = Attempt.objects.create(
        message=message,
        call=Call.objects.create(provider="resend"),
        number=1,
        to=EMAIL,
        provider="resend",
        provider_id="re_1",
        status=Status.DELIVERED,
        response={"to": EMAIL},
        started_at=now,
        finished_at=now,
    )
    Event.objects.create(
        organization=amelia.organization,
        message=message,
        attempt=attempt,
        kind=Kind.DELIVERED,
        source=Source.WEBHOOK,
        status=Status.DELIVERED,
        message_status=Status.DELIVERED,
        provider="resend",
        event_id="evt_1#2",
        detail=EMAIL,
        occurred_at=now,
        recorded_at=now,
    )
    WebhookDelivery.objects.create(
        provider="resend",
        event_id="evt_1",
        url="http://testserver/",
        headers={},
        body=EMAIL.encode(),
        received_at=now,
        applied_at=now,
    )
    return message


def everywhere() -> str:
    """All that the database holds, as text."""
    models = (Contact, ContactChange, Merge, Message, Attempt, Event, WebhookDelivery)
    rows = [str(list(model._base_manager.values())) for model in models]
    return " ".join(rows)


def test_nothing_is_left_but_the_proof(amelia: Contact) -> None:
    message = delivered(amelia)
    waiting = factories.message(amelia.organization, contact=amelia.pk, to="")

    erasure.erase_contact(amelia, by="olga")

    assert not Contact.everyone.exists()
    for word in (EMAIL, "Amelia", "Secret plan", "Vegan", "Your day"):
        assert word not in everywhere(), word
    kept = Message.objects.get(pk=message.pk)
    assert (kept.status, kept.contact, kept.created_at) == (
        Status.DELIVERED,
        None,
        message.created_at,
    )
    assert kept.to == erasure.address_fingerprint(EMAIL.upper())
    attempt = kept.attempts.get()
    assert (attempt.provider_id, attempt.status) == ("re_1", Status.DELIVERED)
    assert Message.objects.get(pk=waiting.pk).status == Status.CANCELLED


@pytest.mark.parametrize("sender", ["+5491123456789", "US.hidden"])
def test_what_they_wrote_in_a_group_is_given_out_and_forgotten(
    venue: Organization, amelia: Contact, sender: str
) -> None:
    contacts.add_address(amelia, channel="whatsapp", value="+541123456789")
    contacts.remember_handle(amelia, "US.hidden")
    usual = {"organization": venue, "channel": "whatsapp", "direction": "inbound", "group": "G1"}
    theirs, other = (
        Message.objects.create(**usual, provider_id=text, sender=writer, body=text)
        for writer, text in ((sender, "Grandma pays"), ("+447700900222", "I pay"))
    )

    reactions = [{"by": by, "emoji": "!", "at": "x"} for by in (sender, "+447700900333")]
    Message.objects.filter(pk=other.pk).update(reactions=reactions)

    messages = exporting.everything_about(amelia)["messages"]
    assert [message["body"] for message in messages] == ["Grandma pays"]
    assert erasure.erase_contact(amelia, by="olga") == 1

    theirs.refresh_from_db()
    other.refresh_from_db()
    assert (theirs.body, theirs.sender) == ("", erasure.address_fingerprint(sender))
    assert (other.body, other.sender) == ("I pay", "+447700900222")
    by = [reaction["by"] for reaction in other.reactions]
    assert by == [erasure.address_fingerprint(sender), "+447700900333"]


def test_the_refusal_stays(amelia: Contact, venue: Organization) -> None:
    suppressions.opt_in(venue, channel="email", value=EMAIL, sender="", by="the recipient")
    suppressions.suppress_address(
        venue, channel="email", value=EMAIL, reason=Reason.OPT_OUT, detail="They wrote “STOP”."
    )

    erasure.erase_contact(amelia, by="olga")
    row = importing.upload_file(
        venue, "again.csv", f"Name,E-mail\nAmelia,{EMAIL}\n".encode(), by="olga"
    )
    importing.confirm_import(row, by="olga")

    assert Suppression.objects.get().detail == ""
    draft = Draft(channel="email", to=EMAIL, subject="Hi", body="Hello")
    assert compose_message(venue, draft).message.status == Status.SUPPRESSED


def test_who_was_merged_into_the_person_goes_as_well(amelia: Contact, venue: Organization) -> None:
    twin = contacts.create_contact(venue, name="A. Hart", addresses=[("email", "ah@example.com")])
    theirs = factories.message(venue, contact=twin.pk, to="", body="Secret plan")
    merging.merge_contacts(amelia, twin, by="olga")
    duplicates.compare_pending(venue)

    erasure.erase_contact(Contact.objects.get(), by="olga")

    assert not Contact.everyone.exists()
    assert not Merge.objects.exists()
    assert Message.objects.get(pk=theirs.pk).body == ""


def test_nobody_else_is_touched(amelia: Contact, venue: Organization) -> None:
    other = factories.contact(venue, email="noah@example.com", name="Noah")
    message = factories.message(venue, contact=other.pk, to="", body="Hello Noah")

    erasure.erase_contact(amelia, by="olga")

    kept = Message.objects.get(pk=message.pk)
    assert (kept.body, kept.to, kept.contact) == ("Hello Noah", "noah@example.com", other)


def test_everything_about_a_person_is_given_out(amelia: Contact, venue: Organization) -> None:
    delivered(amelia)
    suppressions.suppress_address(venue, channel="email", value=EMAIL, reason=Reason.OPT_OUT)
    contacts.change_contact(amelia, notes="Vegetarian")

    everything = json.loads(json.dumps(exporting.everything_about(amelia), cls=DjangoJSONEncoder))

    assert everything["contact"]["addresses"][0]["value"] == EMAIL
    assert everything["messages"][0]["body"] == "Secret plan"
    assert everything["messages"][0]["events"][-1]["kind"] == "delivered"
    assert everything["suppressions"][0]["reason"] == "opt_out"
    assert [row["field"] for row in everything["changes"]] == ["created", "notes"]


@pytest.mark.usefixtures("concurrent_writers")
def test_what_is_erased_and_what_happens_to_it_never_wait_for_each_other_in_a_circle(
    venue: Organization,
) -> None:
    guests = [contacts.create_contact(venue, name="Guest", addresses=[]) for _ in range(6)]
    messages = [
        factories.message(venue, to=f"{guest.pk}-{number}@example.com")
        for guest in guests
        for number in range(20)
    ]
    for number, message in enumerate(messages):
        Message.objects.filter(pk=message.pk).update(contact=guests[number // 20])
    with opened_all_the_time(messages):
        for guest in guests:
            erasure.erase_contact(guest, by="olga")
