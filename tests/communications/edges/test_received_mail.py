"""Mail as servers really deliver it: who wrote, to whom, in answer to what, if anybody did."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from communications import checks, tasks
from communications.book import contacts
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.conversations import thread
from communications.errors import Refused
from communications.models import Attempt, Contact, Message, Organization
from communications.receiving import deliveries
from tests import factories
from tests.communications.edges import posting
from tests.communications.edges.posting import deliver, sent
from tests.communications.providers.signing import svix
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

JANE = "jane@example.com"
INBOUND: dict[str, Any] = {"from": JANE, "to": ["hello@rosewood.example"], "subject": "Your day"}
count = iter(range(10_000))


@pytest.fixture
def rosewood() -> Organization:
    return factories.organization(email_from="Rosewood Barn <hello@rosewood.example>")


def received(**data: Any) -> Message:
    """A mail whose webhook has its text as well, so that nothing is fetched."""
    usual = {"email_id": f"in-{next(count)}", "text": "Hello", "headers": {}}
    deliver("email.received", **{**INBOUND, **usual, **data})
    deliveries.apply_due()
    return Message.objects.filter(direction="inbound").latest("created_at")


# --- who wrote ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Jane Doe <jane@example.com>", "Jane Doe"),
        ('"Doe, Jane" <JANE@example.com>', "Doe, Jane"),
        ("=?utf-8?q?J=C3=A4ne?= Doe <jane@example.com>", "Jäne Doe"),
        ("jane@example.com (Jane Doe)", "Jane Doe"),
        ("Jane (the bride) <jane@example.com>", "Jane"),
        ("jane@example.com", JANE),
    ],
)
def test_a_mail_makes_a_contact_by_its_name(rosewood: Organization, header: str, name: str) -> None:
    message = received(**{"from": header})
    assert message.contact is not None
    assert (message.contact.name, message.contact.organization) == (name, rosewood)
    assert message.contact.reachable_at("email") == JANE
    assert message.sender.lower() == JANE


def test_a_contact_without_a_name_gets_the_one_that_comes_later(rosewood: Organization) -> None:
    received()
    received(**{"from": "Jane Doe <jane@example.com>"})
    received(**{"from": "J. <jane@example.com>"})
    assert Contact.objects.get(organization=rosewood).name == "Jane Doe"


@pytest.mark.parametrize(
    ("sender", "kept"),
    [
        ("Jörg <jörg@example.com>", "jörg@example.com"),
        ('"John" <"john smith"@example.com>', '"john smith"@example.com'),
        ("john..smith@example.com", "john..smith@example.com"),
        (".john.@example.com", ".john.@example.com"),
    ],
)
def test_who_cannot_be_answered_has_a_conversation_that_says_why(
    rosewood: Organization, settings: Settings, sender: str, kept: str
) -> None:
    settings.ROUTES = {"email": ["resend"]}
    first, second = received(**{"from": sender}), received(**{"from": sender})
    contact = first.contact
    assert contact is not None
    assert second.contact == contact
    assert contact.addresses.get().value == kept
    (way,) = [option for option in thread.channel_options(contact) if option.channel == "email"]
    assert (way.value, way.is_open) == (kept, False)
    assert "delivers" in way.reason
    with pytest.raises(Refused, match="delivers"):
        compose_message(rosewood, Draft(contact=contact.pk, subject="Re:", body="Hello"))
    # Somebody edits the contact: the address stays.
    contacts.change_contact(contact, name="John", addresses=[("email", kept), ("email", JANE)])
    assert set(contact.addresses.values_list("value", flat=True)) == {kept, JANE}


@pytest.mark.parametrize(
    "sender",
    ["<>", "", "MAILER-DAEMON", "Mail System <MAILER-DAEMON@mx.example>", "postmaster@x.example"],
)
def test_a_mail_server_is_nobody(rosewood: Organization, sender: str) -> None:
    message = received(**{"from": sender})
    assert (message.contact, message.is_automatic) == (None, True)
    assert message.organization == rosewood
    assert not Contact.objects.exists()


# --- to whom ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to",
    [
        ["hello+tasting@rosewood.example"],
        ["Hello+Tasting@ROSEWOOD.example"],
        ["weddings@rosewood.example"],
        ['"Rosewood, Barn" <HELLO@rosewood.example>'],
        ["tom@example.com, hello@rosewood.example"],
        ["tom@example.com", "Team: hello@rosewood.example;"],
    ],
)
def test_whatever_of_ours_was_written_to_reaches_us(rosewood: Organization, to: list[str]) -> None:
    factories.organization(email_from="hello@other.example")
    assert received(to=to).organization == rosewood


def test_the_hidden_recipient_of_the_envelope_counts(rosewood: Organization) -> None:
    found = received(to=["undisclosed-recipients:;"], received_for=["hello@rosewood.example"])
    assert found.organization == rosewood


def test_the_address_itself_goes_before_its_tag_and_its_domain(rosewood: Organization) -> None:
    tasting = factories.organization(email_from="hello+tasting@rosewood.example")
    flowers = factories.organization(email_from="flowers@rosewood.example")
    assert received(to=["hello+tasting@rosewood.example"]).organization == tasting
    assert received(to=["hello+menu@rosewood.example"]).organization == rosewood
    assert received(to=["Flowers@rosewood.example"]).organization == flowers
    # Whoever wrote to them last, of the three with this domain.
    factories.message(flowers, to=JANE)
    assert received(to=["anybody@rosewood.example"]).organization == flowers


def test_a_mail_to_two_of_us_reaches_both(rosewood: Organization) -> None:
    other = factories.organization(email_from="hello@other.example")
    received(to=["hello@rosewood.example"], cc=["hello@other.example"])
    found = Message.objects.filter(direction="inbound").values_list("organization", "to")
    assert set(found) == {
        (rosewood.pk, "hello@rosewood.example"),
        (other.pk, "hello@other.example"),
    }


def test_a_public_domain_is_nobodys_own() -> None:
    factories.organization(email_from="venue@gmail.com")
    deliver("email.received", **{**INBOUND, "email_id": "x", "to": ["bob@gmail.com"]})
    deliveries.apply_due()
    assert not Message.objects.exists()


# --- in answer to what --------------------------------------------------------------------------


def test_the_ids_of_a_mail_are_kept(rosewood: Organization) -> None:
    headers = {
        "In-Reply-To": "<b@x.example>",
        "references": ["<a@x.example>\r\n <b@x.example>", "c@x.example"],
        "Reply-To": "Both of us <both@example.com>",
    }
    message = received(message_id="<d@x.example>", headers=headers)
    assert message.internet_message_id == "<d@x.example>"
    assert message.references == ["<a@x.example>", "<c@x.example>", "<b@x.example>"]
    assert message.reply_to == "both@example.com"
    user = factories.member(rosewood)
    client = Client(headers={"authorization": f"Token {factories.token(user)}"})
    shown = client.get(f"/api/messages/{message.pk}/").json()
    assert shown["internet_message_id"] == "<d@x.example>"
    assert shown["references"] == message.references


def test_our_answer_carries_them(rosewood: Organization) -> None:
    message = received(message_id="<d@x.example>", headers={"references": "<a@x.example>"})
    assert message.contact is not None
    draft = Draft(contact=message.contact.pk, subject="RE: AW: your  day", body="Yes")
    answer = compose_message(rosewood, draft).message
    assert answer.headers["In-Reply-To"] == "<d@x.example>"
    assert answer.headers["References"] == "<a@x.example> <d@x.example>"
    assert answer.in_reply_to == message
    other = Draft(contact=message.contact.pk, subject="Your invoice", body="30 GBP")
    assert "In-Reply-To" not in compose_message(rosewood, other).message.headers


def test_ids_that_fit_no_header_are_kept_and_not_sent(rosewood: Organization) -> None:
    headers = {"references": "<ä@x.example> <a@x.example>"}
    message = received(message_id="<d@x.example>", headers=headers)
    answer = compose_message(rosewood, Draft(to=JANE, subject="Re: Your day", body="Yes")).message
    assert answer.headers["References"] == "<a@x.example> <d@x.example>"
    assert message.references == ["<ä@x.example>", "<a@x.example>"]
    odd = received(message_id="<ö@x.example>", subject="Menu")
    answer = compose_message(rosewood, Draft(to=JANE, subject="Re: Menu", body="Yes")).message
    assert (answer.headers, answer.in_reply_to) == ({}, odd)


def test_an_encoded_subject_is_read(rosewood: Organization) -> None:
    message = received(subject="=?utf-8?q?Men=C3=BC?=", message_id="<d@x.example>")
    assert (message.subject, message.organization) == ("Menü", rosewood)


def test_an_answer_to_where_answers_are_wanted_stays_in_the_thread(rosewood: Organization) -> None:
    message = received(message_id="<d@x.example>", headers={"reply-to": "both@example.com"})
    draft = Draft(to="both@example.com", subject="Re: Your day", body="Yes")
    answer = compose_message(rosewood, draft).message
    assert answer.headers["In-Reply-To"] == "<d@x.example>"
    assert answer.thread == message.contact


def test_headers_of_the_callers_own_stay(rosewood: Organization) -> None:
    received(message_id="<d@x.example>")
    own = {"in-reply-to": "<mine@x.example>"}
    draft = Draft(to=JANE, subject="Re: Your day", body="Yes", headers=own)
    assert compose_message(rosewood, draft).message.headers == own


def test_the_thread_follows_an_answer_from_elsewhere(rosewood: Organization) -> None:
    jane = factories.contact(rosewood, email=JANE)
    ours = sent("e1", of=rosewood, to=JANE, subject="Your day")
    deliver("email.sent", email_id="e1", message_id="<ours@resend.example>")
    deliveries.apply_due()
    ours.refresh_from_db()
    assert ours.internet_message_id == "<ours@resend.example>"
    headers = {"in-reply-to": "<ours@resend.example>"}
    answer = received(**{"from": "Jane at work <jd@work.example>"}, headers=headers)
    assert answer.in_reply_to == ours
    assert answer.contact != jane
    assert [message.pk for message in thread.newest_messages(jane, 10)] == [ours.pk, answer.pk]
    again = received(message_id="<x@x.example>", headers=headers)
    assert (again.contact, again.thread, again.in_reply_to) == (jane, None, ours)


def test_the_last_copy_of_a_mail_is_the_one_that_is_answered(rosewood: Organization) -> None:
    ours = sent("e1", of=rosewood)
    first = ours.attempts.get()
    Attempt.objects.create(
        message=ours,
        call=first.call,
        number=2,
        to=first.to,
        provider=first.provider,
        provider_id="e2",
        status="sent",
        started_at=first.started_at,
    )
    for email_id in ("e2", "e1"):
        deliver("email.delivered", email_id=email_id, message_id=f"<{email_id}@resend.example>")
    deliveries.apply_due()
    ours.refresh_from_db()
    assert ours.internet_message_id == "<e2@resend.example>"


def test_the_files_of_a_mail_are_named(rosewood: Organization) -> None:
    file = {"id": "a1", "filename": "Seating plan.pdf", "content_type": "application/pdf"}
    message = received(attachments=[file, "?"])
    (shown,) = thread.media_files(message.media)
    assert (shown["name"], shown["url"]) == ("Seating plan.pdf", "")
    assert message.organization == rosewood


@pytest.mark.usefixtures("rosewood")
@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f490"])
def test_an_id_that_no_index_takes_is_none(letter: str) -> None:
    given = [f"<{secrets.token_hex(490 if letter == 'x' else 200)}{letter * 300}@x.example>"]
    message = received(message_id=given[0], headers={"references": [*given, "<a@x.example>"]})
    assert (message.internet_message_id, message.references) == ("", ["<a@x.example>"])


# --- whether anybody wrote ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"auto-submitted": "auto-generated; owner-email=x"},
        {"AUTO-SUBMITTED": ["Auto-Replied (vacation)"]},
        {"X-Autoreply": "yes"},
        {"X-Autorespond": "Out of office"},
        {"X-Auto-Response-Suppress": "All"},
        {"Precedence": "auto_reply"},
        {"precedence": "Bulk"},
        {"Precedence": "junk"},
        {"Return-Path": "<>"},
        {"Content-Type": "multipart/report; report-type=delivery-status"},
        {"X-Failed-Recipients": "tom@example.com"},
        [{"name": "Auto-Submitted", "value": "auto-notified"}, {"name": None}],
        {"X-Precedence": "auto_reply"},
    ],
)
def test_an_automatic_answer_is_marked(rosewood: Organization, headers: Any) -> None:
    message = received(headers=headers)
    assert message.is_automatic
    assert message.organization == rosewood


@pytest.mark.parametrize(
    ("data", "is_automatic"),
    [
        ({"subject": "Automatic reply: Your day"}, True),
        ({"subject": "Abwesenheitsnotiz: Ihr Tag"}, True),
        ({"subject": "Out of Office Re: Your day"}, True),
        ({"subject": "Re: Automatic reply: Your day"}, False),
        ({"subject": "About our office"}, False),
        ({"headers": {"Auto-Submitted": "no"}}, False),
        ({"headers": {"Auto-Submitted": "No; x=y"}}, False),
        ({"headers": {"Precedence": "list"}}, False),
        ({"headers": {"X-Autoreply": "no"}}, False),
        ({"headers": None}, False),
        ({"headers": {"Return-Path": "<jane@example.com>"}}, False),
    ],
)
def test_people_are_told_from_machines(
    rosewood: Organization,
    data: dict[str, Any],
    is_automatic: bool,  # noqa: FBT001 - a column of the table
) -> None:
    message = received(**data)
    assert message.is_automatic is is_automatic
    assert message.organization == rosewood


def test_an_absence_note_is_nothing_to_answer(rosewood: Organization, settings: Settings) -> None:
    settings.ROUTES = {"email": ["resend"], "sms": ["twilio"]}
    contact = contacts.create_contact(
        rosewood, name="Jane", addresses=[("sms", "+447700900123"), ("email", JANE)]
    )
    Message.objects.create(
        organization=rosewood, contact=contact, channel="sms", direction="inbound", to="x", body="A"
    )
    received(headers={"Auto-Submitted": "auto-replied"})
    (preferred,) = [option for option in thread.channel_options(contact) if option.is_preferred]
    assert preferred.channel == "sms"


def test_mails_without_an_id_are_both_kept(rosewood: Organization) -> None:
    first, second = received(email_id=None), received(email_id="")
    assert first.pk != second.pk
    assert first.is_complete
    assert rosewood == second.organization


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01", ""])
def test_a_time_that_cannot_be_meant_breaks_no_page(rosewood: Organization, said: str) -> None:
    body = posting.event("email.received", **{**INBOUND, "email_id": f"t{said}", "text": "Hi"})
    body = body.replace(b"2026-11-20T09:15:42.678Z", said.encode())
    assert posting.post(body, svix(body, event_id=f"msg_{said}")).status_code == 200
    deliveries.apply_due()
    message = Message.objects.get()
    client = Client()
    client.force_login(factories.member(rosewood))
    page = reverse("admin:communications_message_change", args=[message.pk])
    assert client.get(page).status_code == 200
    assert client.get(reverse("admin:communications_message_changelist")).status_code == 200


# --- all of it, through the API that has the headers --------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(resend_api_key="re_received") as running:
        yield running


def test_what_only_the_fetched_mail_says_is_kept_as_well(
    server: SandboxServer, settings: Settings, rosewood: Organization
) -> None:
    resend = settings.PROVIDERS["resend"]
    options = {"api_key": "re_received", "api_url": f"{server.url}/resend"}
    settings.PROVIDERS = {"resend": {**resend, "OPTIONS": {**resend["OPTIONS"], **options}}}
    jane = factories.contact(rosewood, email="known@example.com")
    ours = sent("e9", of=rosewood, to="known@example.com")
    Message.objects.filter(pk=ours.pk).update(internet_message_id="<ours@x.example>")
    mail = {
        "from": "Jörg Müller <jörg@example.com>",
        "to": "hello+menu@rosewood.example",
        "text": "Yes",
        "attachments": [{"filename": "Menu.pdf", "content": "JVBERg=="}],
        "headers": {
            "In-Reply-To": "<ours@x.example>",
            "Auto-Submitted": "auto-replied",
            "Reply-To": "Jörg <joerg@example.com>",
        },
    }
    made = server.control("POST", "/resend/inbound", mail)
    deliver("email.received", email_id=made["id"], **{**INBOUND, "from": "jörg@example.com"})
    deliveries.apply_due()
    assert tasks.fetch_received() == 1
    message = Message.objects.get(direction="inbound")
    assert message.contact is not None
    assert message.contact.name == "Jörg Müller"
    assert (message.in_reply_to, message.thread) == (ours, jane)
    assert (message.is_automatic, message.reply_to) == (True, "joerg@example.com")
    assert message.internet_message_id == made["message_id"]
    assert message.body == "Yes"
    assert message.media[0]["name"] == "Menu.pdf"
    assert message.media[0]["content_type"] == "application/pdf"


# --- what we write as ---------------------------------------------------------------------------


def test_a_sender_with_a_comma_is_sent_as_one(settings: Settings) -> None:
    hart = factories.organization(email_from="Hart, Weddings <hello@hart.example>")
    assert factories.message(hart).sender == '"Hart, Weddings" <hello@hart.example>'
    message = received(to=["hello@hart.example"])
    assert message.organization == hart
    entry = settings.PROVIDERS["resend"]
    options = {**entry["OPTIONS"], "sender": "Hart: Weddings <hello@hart.example>"}
    settings.PROVIDERS = {"resend": {**entry, "OPTIONS": options}}
    assert not checks.check_providers()
    call_command("check")


@pytest.mark.parametrize(
    "sender", ["hello@hart@example.com", "a@hart.example, b@hart.example", "Hart <hello>"]
)
def test_a_sender_nobody_understands_is_refused(settings: Settings, sender: str) -> None:
    entry = settings.PROVIDERS["resend"]
    settings.PROVIDERS = {
        "resend": {**entry, "OPTIONS": {**entry["OPTIONS"], "sender": sender}},
    }
    (problem,) = checks.check_providers()
    assert problem.id == "communications.E004"
