import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from communications.book import contacts
from communications.composing import attachments
from communications.composing import compose as composing
from communications.composing.compose import compose_message, preview_message
from communications.composing.drafts import Draft
from communications.errors import KeyReused, Refused
from communications.models import Message, Organization, Priority, Template
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from tests import factories
from tests.communications.engine.conftest import Together
from tests.communications.engine.mailing import Mailing, status, timeline

pytestmark = pytest.mark.django_db
MAIL = {"to": "amelia@example.com", "subject": "Your day", "body": "See you soon."}


@pytest.fixture(autouse=True)
def routes(mailing: Mailing) -> None: ...


def draft(**fields: Any) -> Draft:
    return Draft(**{**MAIL, **fields})


def attachment(**fields: str) -> Mapping[str, str]:
    content = base64.b64encode(b"menu").decode()
    return {"filename": "menu.pdf", "content": content, **fields}


def late() -> Any:
    return timezone.now() - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"channel": "pigeon"}, "channel", "Choose one of"),
        ({"channel": "sms"}, "channel", "No provider for SMS is configured"),
        ({"fallback": [{"channel": "sms"}]}, "fallback", "No provider for SMS is configured"),
        ({"to": ""}, "to", "Say who it goes to"),
        ({"to": "amelia"}, "to", "is not an e-mail address"),
        ({"to": "", "contact": 999}, "contact", "There is no such contact"),
        ({"to": "", "contact": 0}, "contact", "There is no such contact"),
        ({"body": ""}, "body", "Write a text"),
        ({"body": " \n"}, "body", "Write a text"),
        ({"body": "x" * 500_001}, "body", "under 500,000 characters"),
        ({"subject": " "}, "subject", "An e-mail needs a subject"),
        ({"subject": "Your\r\nBcc: all@example.com"}, "subject", "on one line"),
        ({"subject": "x" * 999}, "subject", "at most 998"),
        ({"template": "welcome"}, "template", "Send either a template or a text"),
        ({"template": "welcome", "body": ""}, "template", "There is no email template “welcome”"),
        ({"body": "Dear {{ name }}, {{day}}"}, "variables", "needs a value for: day, name"),
        ({"reply_to": "nobody"}, "reply_to", "is not an e-mail address"),
        ({"headers": {"Bcc": "all@example.com"}}, "headers", "“Bcc” cannot be set"),
        ({"headers": {"X Y": "1"}}, "headers", "“X Y” cannot be set"),
        ({"headers": {"X-Y": "1\r\nBcc: a"}}, "headers", "must be a single line"),
        ({"attachments": [{"filename": "a.pdf"}]}, "attachments", "“content” in base64"),
        ({"attachments": [attachment(content="not base64")]}, "attachments", "in base64"),
        ({"attachments": [attachment(filename="")]}, "attachments", "“filename”"),
        ({"attachments": [attachment(filename="../menu.pdf")]}, "attachments", "“filename”"),
        ({"expires_at": late()}, "expires_at", "expire before it is sent"),
        (
            {
                "send_at": timezone.now() + timedelta(days=2),
                "expires_at": timezone.now() + timedelta(days=1),
            },
            "expires_at",
            "expire before it is sent",
        ),
    ],
)
def test_it_refuses_and_says_what_to_change(
    venue: Organization,
    fields: dict[str, Any],
    field: str,
    says: str,
) -> None:
    with pytest.raises(Refused, match=says) as refused:
        compose_message(venue, draft(**fields))

    assert refused.value.field == field
    assert not Message.objects.exists()


def test_attachments_may_weigh_25_megabytes_together(
    venue: Organization,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attachments, "MAX_ATTACHMENT_BYTES", 7)

    with pytest.raises(Refused, match="larger than 25 MB together"):
        compose_message(venue, draft(attachments=[attachment(), attachment()]))


def test_a_contact_without_an_address_on_the_channel_is_refused(venue: Organization) -> None:
    amelia = contacts.create_contact(
        venue, name="Amelia Hart", addresses=[("sms", "+447700900123")]
    )

    with pytest.raises(Refused, match="Amelia Hart has no e-mail address"):
        compose_message(venue, draft(to="", contact=amelia.pk))


def test_a_contact_of_another_organization_is_unknown(venue: Organization) -> None:
    foreign = factories.contact(factories.organization())

    with pytest.raises(Refused, match="There is no such contact"):
        compose_message(venue, draft(to="", contact=foreign.pk))


def test_it_writes_to_a_contact(venue: Organization) -> None:
    amelia = factories.contact(venue, "amelia@example.com")

    message = compose_message(venue, draft(to="", contact=amelia.pk)).message

    assert (message.contact, message.to) == (amelia, "amelia@example.com")


def test_an_address_finds_its_contact(venue: Organization) -> None:
    amelia = factories.contact(venue, "amelia@example.com")

    assert compose_message(venue, draft(to=" Amelia@Example.com ")).message.contact == amelia
    assert compose_message(venue, draft(to="other@example.com")).message.contact is None


def test_it_waits_in_the_outbox_with_all_it_was_given(venue: Organization) -> None:
    venue.email_from = "The Barn <barn@everafter.example>"
    user = factories.member(venue)
    later = timezone.now() + timedelta(hours=1)
    asked = draft(
        html="<p>Soon</p>",
        reply_to="Office@Everafter.example",
        headers={"X-Couple": "Hart"},
        attachments=[attachment(), attachment(content_type="application/pdf")],
        priority=Priority.URGENT,
        send_at=later,
        expires_at=later + timedelta(hours=1),
        fallback=[{"channel": "email", "after_seconds": 60}],
        metadata={"booking": 7},
    )

    composed = compose_message(venue, asked, created_by=user)

    message = composed.message
    assert composed.is_new
    assert (message.status, message.send_after, message.send_at) == ("queued", later, later)
    assert message.sender == "The Barn <barn@everafter.example>"
    assert message.reply_to == "office@everafter.example"
    assert (message.headers, message.metadata) == ({"X-Couple": "Hart"}, {"booking": 7})
    assert message.fallback == [{"channel": "email", "after_seconds": 60}]
    assert (message.created_by, message.priority) == (user, Priority.URGENT)
    assert message.has_attachments
    found = message.attachments.values_list("filename", "content_type")
    assert list(found) == [
        ("menu.pdf", "application/pdf"),
        ("menu.pdf", "application/pdf"),
    ]
    assert timeline(message) == ["composed"]


def test_a_past_send_at_means_now(venue: Organization) -> None:
    message = compose_message(venue, draft(send_at=late())).message

    assert message.send_after is not None
    assert abs(message.send_after - timezone.now()) < timedelta(seconds=5)


def test_variables_are_filled_in_and_escaped_in_html(venue: Organization) -> None:
    asked = draft(
        subject="{{ name }}",
        body="Dear {{name}}",
        html="<p>{{ name }}</p>",
        variables={"name": "Hart & <Sons>", "unused": ""},
    )

    message = compose_message(venue, asked).message

    assert message.subject == "Hart & <Sons>"
    assert message.body == "Dear Hart & <Sons>"
    assert message.html == "<p>Hart &amp; &lt;Sons&gt;</p>"


def test_a_value_cannot_smuggle_in_another_variable(venue: Organization) -> None:
    message = compose_message(venue, draft(body="{{ a }}", variables={"a": "{{ b }}"})).message

    assert message.body == "{{ b }}"


def test_a_value_cannot_break_the_line_of_a_subject(venue: Organization) -> None:
    with pytest.raises(Refused, match="on one line"):
        compose_message(venue, draft(subject="{{ a }}", variables={"a": "x\r\nBcc: y"}))


def test_a_template_gives_text_and_subject(venue: Organization) -> None:
    Template.objects.create(
        organization=venue, name="welcome", subject="Hi {{ name }}", body="Dear {{ name }}"
    )
    names = {"name": "Amelia"}

    plain = draft(template="welcome", subject="", body="", variables=names)
    own = draft(template="welcome", subject="Mine", body="", variables=names)

    assert compose_message(venue, plain).message.subject == "Hi Amelia"
    message = compose_message(venue, own).message
    assert (message.subject, message.body) == ("Mine", "Dear Amelia")


def test_a_template_of_another_organization_is_unknown(venue: Organization) -> None:
    other = factories.organization()
    Template.objects.create(organization=other, name="welcome", subject="Hi", body="Hi")

    with pytest.raises(Refused, match="There is no email template"):
        compose_message(venue, draft(template="welcome", body=""))


def test_other_channels_need_no_subject(venue: Organization, mailing: Mailing) -> None:
    mailing.settings.ROUTES = {"sms": ["first"]}

    message = compose_message(venue, Draft(channel="sms", to="07700 900123", body="Soon")).message

    assert (message.to, message.sender) == ("+447700900123", "")


# --- suppression ---------------------------------------------------------------------------------


def test_a_closed_address_is_recorded_and_never_sent(venue: Organization, mailing: Mailing) -> None:
    suppressions.suppress_address(venue, channel="email", value=MAIL["to"], reason=Reason.COMPLAINT)

    message = compose_message(venue, draft()).message

    assert (message.status, message.send_after) == ("suppressed", None)
    assert "spam complaint" in message.error
    assert timeline(message) == ["composed", "suppressed"]
    mailing.send_due()
    assert mailing.mails() == []


def test_an_address_is_closed_for_one_organization_and_channel(venue: Organization) -> None:
    other = factories.organization()
    suppressions.suppress_address(other, channel="email", value=MAIL["to"], reason=Reason.BOUNCE)
    suppressions.suppress_address(venue, channel="sms", value=MAIL["to"], reason=Reason.BOUNCE)

    assert compose_message(venue, draft()).message.status == "queued"


def test_a_lifted_suppression_refuses_nothing_and_the_first_reason_stays(
    venue: Organization,
) -> None:
    closed: dict[str, Any] = {"channel": "email", "value": MAIL["to"]}
    first = suppressions.suppress_address(venue, reason=Reason.BOUNCE, **closed)
    assert first is not None
    assert suppressions.suppress_address(venue, reason=Reason.MANUAL, **closed) is None

    assert suppressions.lift_suppressions([first], by="ada") == 1
    assert suppressions.lift_suppressions([first], by="bob") == 0

    first.refresh_from_db()
    assert (first.reason, first.lifted_by) == ("bounce", "ada")
    assert compose_message(venue, draft()).message.status == "queued"


def test_a_preview_shows_the_text_and_the_refusal_and_stores_nothing(venue: Organization) -> None:
    suppressions.suppress_address(venue, channel="email", value=MAIL["to"], reason=Reason.OPT_OUT)

    shown = preview_message(venue, draft(body="Dear {{ name }}", variables={"name": "Amelia"}))

    assert (shown.to, shown.subject, shown.body) == (MAIL["to"], "Your day", "Dear Amelia")
    assert shown.refusal is not None
    assert "opted out" in shown.refusal
    assert preview_message(venue, draft(to="bob@example.com")).refusal is None
    assert not Message.objects.exists()


# --- idempotency ---------------------------------------------------------------------------------


def test_the_same_key_with_the_same_draft_is_the_first_message(venue: Organization) -> None:
    first = compose_message(venue, draft(), idempotency_key="booking-7")
    again = compose_message(venue, draft(), idempotency_key="booking-7")

    assert (first.is_new, again.is_new) == (True, False)
    assert again.message == first.message
    assert timeline(first.message) == ["composed"]


def test_the_same_key_with_another_draft_is_refused(venue: Organization) -> None:
    compose_message(venue, draft(), idempotency_key="booking-7")

    with pytest.raises(KeyReused, match="choose a new one"):
        compose_message(venue, draft(body="Another"), idempotency_key="booking-7")


def test_a_key_belongs_to_an_organization(venue: Organization) -> None:
    compose_message(venue, draft(), idempotency_key="booking-7")

    assert compose_message(factories.organization(), draft(), idempotency_key="booking-7").is_new


def test_without_a_key_the_same_draft_is_another_message(venue: Organization) -> None:
    assert compose_message(venue, draft()).message != compose_message(venue, draft()).message


@pytest.mark.parametrize("body", ["See you soon.", "Another"])
def test_a_key_that_somebody_used_a_moment_ago_is_noticed_when_storing(
    venue: Organization,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
) -> None:
    build = composing.build_message

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.undo()
        compose_message(venue, draft(), idempotency_key="booking-7")
        return build(*arguments)

    monkeypatch.setattr(composing, "build_message", overtaken)

    if body == MAIL["body"]:
        assert not compose_message(venue, draft(body=body), idempotency_key="booking-7").is_new
    else:
        with pytest.raises(KeyReused):
            compose_message(venue, draft(body=body), idempotency_key="booking-7")
    assert Message.objects.count() == 1


def test_what_the_database_refuses_for_another_reason_is_not_hidden(
    venue: Organization,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: Any) -> Any:
        raise IntegrityError("Something else.")

    monkeypatch.setattr(composing, "store_message", refused)

    with pytest.raises(IntegrityError, match="Something else"):
        compose_message(venue, draft(), idempotency_key="booking-7")


def test_one_key_used_by_many_processes_at_once_makes_one_message(
    at_once: Together,
    venue: Organization,
) -> None:
    answers = at_once(*[["compose_same", venue.pk, 12]] * 3)

    assert Message.objects.count() == 12
    for made in zip(*answers, strict=True):
        assert len({message for message, _ in made}) == 1
        assert sum(is_new for _, is_new in made) == 1


# --- commit --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_before_the_commit_and_nothing_after_a_rollback(
    venue: Organization,
    mailing: Mailing,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks() as woken, transaction.atomic():
        compose_message(venue, draft())
        assert woken == []
        transaction.set_rollback(True)
    mailing.send_due()
    assert (mailing.mails(), Message.objects.count(), woken) == ([], 0, [])

    with transaction.atomic():
        message = compose_message(venue, draft()).message
        assert mailing.mails() == []
    mailing.send_due()
    assert len(mailing.mails(message)) == 1
    assert status(message) == "sent"


@pytest.mark.django_db(transaction=True)
def test_another_process_finds_nothing_to_send_before_the_commit(
    at_once: Together,
    venue: Organization,
) -> None:
    # SQLite has one writer at a time, which here would be waited for.
    if transaction.get_connection().vendor == "sqlite":
        pytest.skip("needs a database with concurrent writers")
    with transaction.atomic():
        compose_message(venue, draft())
        assert at_once(["claim", 100]) == [[]]
    assert len(at_once(["claim", 100])[0]) == 1
