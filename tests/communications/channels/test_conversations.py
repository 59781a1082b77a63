"""By which channels a person can be answered, and the pages that show the conversation."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from communications.book import contacts
from communications.conversations import thread
from communications.conversations.thread import ChannelOption
from communications.messages.transitions import (
    Change,
    Leg,
    SendPlan,
    record,
)
from communications.models import (
    Attempt,
    Call,
    Contact,
    Direction,
    Event,
    Membership,
    Message,
    Organization,
    Role,
    Template,
)
from communications.policy import (
    suppressions,
    whatsapp_window,
)
from communications.vocabulary.events import (
    Kind,
    Reason,
)
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.admin_pages import listed, logged_in, plain_static, url
from tests.communications.edges.test_api import Api

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "routed")]

NUMBER = "+447700900123"


@pytest.fixture
def routed(settings: Settings) -> None:
    settings.ROUTES = {"email": ["resend"], "sms": ["twilio"], "whatsapp": ["whatsapp"]}


@pytest.fixture
def user() -> User:
    return factories.member(role=Role.OWNER)


@pytest.fixture
def venue(user: User) -> Organization:
    found: Organization = user.membership.organization
    return found


@pytest.fixture
def amelia(venue: Organization) -> Contact:
    """Reachable on every channel."""
    addresses = [("email", "amelia@example.com"), ("sms", NUMBER), ("whatsapp", NUMBER)]
    return contacts.create_contact(venue, name="Amelia Hart", addresses=addresses)


def ways(contact: Contact) -> dict[str, ChannelOption]:
    return {option.channel: option for option in thread.channel_options(contact)}


def preferred(contact: Contact) -> list[str]:
    return [option.channel for option in thread.channel_options(contact) if option.is_preferred]


def wrote(contact: Contact, channel: str, body: str = "Hello", **columns: Any) -> Message:
    """Somebody wrote to us."""
    sender = contact.addresses.filter(channel=channel).first()
    return Message.objects.create(
        organization=contact.organization,
        contact=contact,
        direction=Direction.INBOUND,
        channel=channel,
        leg_channel=channel,
        sender=sender.value if sender else "",
        to="us",
        provider_id=f"in-{next(factories.numbers)}",
        body=body,
        status=Status.DELIVERED,
        **columns,
    )


def opened(contact: Contact, when: datetime | None = None) -> None:
    whatsapp_window.open_service_window(contact.organization_id, NUMBER, when or timezone.now())


def approved(of: Organization, name: str, category: str = "UTILITY", **columns: Any) -> Template:
    return Template.objects.create(
        **{
            "organization": of,
            "name": name,
            "channel": "whatsapp",
            "language": "en_US",
            "category": category,
            "approval": "APPROVED",
            "body": "Hello {{1}}, there is news about {{2}}.",
            **columns,
        },
    )


# The first provider's own reason comes first, whatever the second one said to it.
TURNS = [
    "Not through whatsapp: The token has expired.",
    f"No such template there. Next by SMS to {NUMBER}.",
]


def rerouted(contact: Contact) -> Message:
    """WhatsApp did not take it, and it arrived by SMS."""
    opened(contact)
    message = factories.message(
        contact.organization,
        channel="whatsapp",
        contact=contact.pk,
        to="",
        subject="",
        fallback=[{"channel": "sms", "after_seconds": 600}],
    )
    first = tried(message, 1, "whatsapp", leg=0)
    failed = Change(
        message=message.pk,
        kind=Kind.FAILED,
        attempt=first.pk,
        status=Status.FAILED,
        provider="whatsapp",
        detail="The token has expired.",
    )
    passed_by = Change(
        message=message.pk,
        kind=Kind.FAILOVER,
        provider="whatsapp",
        detail=TURNS[0],
    )
    onward = Change(
        message=message.pk,
        kind=Kind.FAILOVER,
        plan=SendPlan(timezone.now(), leg=Leg(1, "sms", NUMBER, None)),
        detail=TURNS[1],
    )
    record([failed, passed_by, onward])
    second = tried(message, 2, "twilio", leg=1, provider_id="SM1")
    arrived = Change(
        message=message.pk,
        kind=Kind.DELIVERED,
        attempt=second.pk,
        status=Status.DELIVERED,
        provider="twilio",
    )
    record([arrived])
    message.refresh_from_db()
    return message


def tried(message: Message, number: int, provider: str, leg: int, provider_id: str = "") -> Attempt:
    return Attempt.objects.create(
        message=message,
        call=Call.objects.create(provider=provider),
        number=number,
        leg=leg,
        to=NUMBER,
        provider=provider,
        provider_id=provider_id,
        started_at=timezone.now(),
    )


# --- which channels are open, and why not ---


def test_every_channel_is_listed_with_its_address(amelia: Contact) -> None:
    found = ways(amelia)
    assert list(found) == ["email", "sms", "whatsapp"]
    assert [option.value for option in found.values()] == ["amelia@example.com", NUMBER, NUMBER]
    assert found["email"].is_open
    assert found["sms"].is_open


def test_a_missing_address_is_said(venue: Organization) -> None:
    by_sms = ways(factories.contact(venue))["sms"]
    assert (by_sms.is_open, by_sms.value) == (False, "")
    assert by_sms.reason == "The contact has no address there."


def test_a_missing_provider_is_said(amelia: Contact, settings: Settings) -> None:
    settings.ROUTES = {"email": ["resend"]}
    approved(amelia.organization, "update")
    found = ways(amelia)
    assert found["sms"].reason == "No provider is configured."
    assert found["whatsapp"].templates == []


def test_a_closed_address_is_said_with_its_date_and_reason(amelia: Contact) -> None:
    suppressions.suppress_address(
        amelia.organization, channel="sms", value=NUMBER, reason=Reason.OPT_OUT
    )
    by_sms = ways(amelia)["sms"]
    assert not by_sms.is_open
    assert by_sms.reason.startswith(f"{NUMBER} may not be written to since ")
    assert "opted out" in by_sms.reason


def test_whatsapp_outside_its_window_takes_templates_only(amelia: Contact) -> None:
    approved(amelia.organization, "update")
    approved(amelia.organization, "survey", approval="PAUSED")
    approved(factories.organization(), "theirs")
    found = ways(amelia)["whatsapp"]
    assert (found.is_open, found.window_until) == (False, None)
    assert found.reason.startswith("The 24-hour window is closed")
    assert [template.name for template in found.templates] == ["update"]


def test_whatsapp_is_open_for_a_day_after_somebody_wrote(amelia: Contact) -> None:
    when = timezone.now() - timedelta(hours=1)
    opened(amelia, when)
    found = ways(amelia)["whatsapp"]
    assert (found.is_open, found.reason) == (True, "")
    assert found.window_until == when + timedelta(days=1)


def test_a_template_with_several_languages_is_offered_once(amelia: Contact) -> None:
    for language in ("en_US", "de"):
        approved(amelia.organization, "update", language=language)
    assert len(ways(amelia)["whatsapp"].templates) == 1


def test_who_refused_advertising_is_offered_no_marketing_template(amelia: Contact) -> None:
    approved(amelia.organization, "offer", "MARKETING")
    approved(amelia.organization, "update")
    suppressions.suppress_address(
        amelia.organization,
        channel="whatsapp",
        value=NUMBER,
        reason=Reason.OPT_OUT,
        marketing_only=True,
    )
    assert [template.name for template in ways(amelia)["whatsapp"].templates] == ["update"]


def test_who_refused_everything_is_offered_no_template(amelia: Contact) -> None:
    approved(amelia.organization, "update")
    suppressions.suppress_address(
        amelia.organization, channel="whatsapp", value=NUMBER, reason=Reason.MANUAL
    )
    assert ways(amelia)["whatsapp"].templates == []


# --- which one to answer by ---


def test_a_reply_goes_where_the_person_wrote_last(amelia: Contact) -> None:
    opened(amelia)
    wrote(amelia, "whatsapp")
    wrote(amelia, "sms")
    assert preferred(amelia) == ["sms"]


def test_a_reply_does_not_go_where_it_is_closed(amelia: Contact) -> None:
    wrote(amelia, "sms")
    wrote(amelia, "whatsapp")
    assert preferred(amelia) == ["sms"], "the window is closed"


def test_without_a_message_of_theirs_it_is_the_first_open_channel(amelia: Contact) -> None:
    suppressions.suppress_address(
        amelia.organization,
        channel="email",
        value="amelia@example.com",
        reason=Reason.BOUNCE,
    )
    assert preferred(amelia) == ["sms"]


def test_where_nothing_is_open_nothing_is_preferred(venue: Organization) -> None:
    assert preferred(contacts.create_contact(venue, name="Nobody", addresses=[])) == []


# --- the thread ---


def test_the_thread_ends_with_the_newest_message(amelia: Contact) -> None:
    for body in ("first", "second", "third"):
        wrote(amelia, "sms", body)
    assert [message.body for message in thread.newest_messages(amelia, 2)] == ["second", "third"]


def test_a_message_says_by_which_channel_it_went(amelia: Contact) -> None:
    message = rerouted(amelia)
    assert (message.channel, message.went_by) == ("whatsapp", "sms")
    [shown] = thread.newest_messages(amelia, 1)
    assert [detour.detail for detour in shown.detours] == TURNS  # type: ignore[attr-defined]


def test_where_nobody_has_it_yet_it_is_the_channel_it_is_tried_by(amelia: Contact) -> None:
    opened(amelia)
    message = factories.message(amelia.organization, channel="whatsapp", to=NUMBER, subject="")
    assert message.went_by == "whatsapp"


def test_an_earlier_step_that_arrives_after_all_is_what_it_went_by(amelia: Contact) -> None:
    """The mail was slow: the SMS after it is under way when the mail turns out to be there."""
    message = factories.message(
        amelia.organization,
        contact=amelia.pk,
        to="",
        fallback=[{"channel": "sms", "after_seconds": 60}],
    )
    attempt = tried(message, 1, "resend", leg=0, provider_id="e1")
    leg = Leg(1, "sms", NUMBER, None)
    onward = Change(message=message.pk, kind=Kind.FAILOVER, plan=SendPlan(timezone.now(), leg=leg))
    arrived = Change(
        message=message.pk,
        kind=Kind.DELIVERED,
        attempt=attempt.pk,
        status=Status.DELIVERED,
    )
    record([onward, arrived])
    message.refresh_from_db()
    assert (message.leg_channel, message.went_by) == ("sms", "email")


@pytest.mark.parametrize(
    ("item", "name", "link"),
    [
        ({"url": "https://api.example/1", "content_type": "image/jpeg"}, "Picture", True),
        ({"url": "7498793950675859", "content_type": "audio/ogg"}, "Voice message", False),
        ({"url": "javascript:alert(1)", "content_type": "application/pdf"}, "Document", False),
        ("https://everafter.example/menu", "File", True),
    ],
)
def test_a_file_is_named_by_its_type_and_linked_only_where_it_can_be_opened(
    item: Any,
    name: str,
    link: bool,  # noqa: FBT001
) -> None:
    [shown] = thread.media_files([item])
    assert (shown["name"], bool(shown["url"])) == (name, link)


# --- over the API ---


def test_the_api_tells_which_channels_are_open(amelia: Contact, user: User) -> None:
    approved(amelia.organization, "update")
    wrote(amelia, "sms")
    shown = Api(user).get(f"contacts/{amelia.pk}/channels/")
    assert [(option["channel"], option["is_open"], option["is_preferred"]) for option in shown] == [
        ("email", True, False),
        ("sms", True, True),
        ("whatsapp", False, False),
    ]
    assert shown[2]["templates"] == [
        {
            "name": "update",
            "language": "en_US",
            "category": "UTILITY",
            "body": "Hello {{1}}, there is news about {{2}}.",
            "variables": [
                {"name": name, "part": "body", "kind": "text", "about": ""} for name in ("1", "2")
            ],
        },
    ]


def test_another_organization_s_contact_is_not_there(amelia: Contact) -> None:
    answer = Api(factories.member())("GET", f"contacts/{amelia.pk}/channels/")
    assert answer.status_code == 404


def test_a_viewer_may_look(amelia: Contact, venue: Organization) -> None:
    viewer = factories.member(venue, role=Role.VIEWER)
    assert Api(viewer).get(f"contacts/{amelia.pk}/channels/")


def test_a_message_and_its_attempts_name_their_channels(amelia: Contact, user: User) -> None:
    message = rerouted(amelia)
    shown = Api(user).get(f"messages/{message.pk}/")
    assert (shown["channel"], shown["went_by"]) == ("whatsapp", "sms")
    assert [(attempt["channel"], attempt["to"]) for attempt in shown["attempts"]] == [
        ("whatsapp", NUMBER),
        ("sms", NUMBER),
    ]


def test_a_list_of_messages_asks_no_more_the_longer_it_is(
    amelia: Contact,
    user: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(3):
        rerouted(amelia)
    api = Api(user)
    with django_assert_max_num_queries(6):
        api.get(f"messages/?contact={amelia.pk}")


def test_the_preview_of_an_sms_names_what_makes_it_long(amelia: Contact, user: User) -> None:
    body = {"channel": "sms", "contact": amelia.pk, "body": "It’s on Friday – it’s warm"}
    shown = Api(user).post("messages/preview/", body).json()["segments"]
    assert (shown["encoding"], shown["count"], shown["unusual"]) == ("UCS-2", 1, "’–")


# --- the page ---


def started(response: Any) -> Any:
    """What the page's scripts start with."""
    found = re.search(r'id="page"[^>]*>(.*?)<', response.content.decode())
    assert found
    return json.loads(found[1])


def test_the_page_is_the_contact_s(amelia: Contact, user: User) -> None:
    response = logged_in(user).get(reverse("conversation", args=[amelia.pk]))
    assert response.status_code == 200
    assert "Amelia Hart" in response.content.decode()
    page = started(response)
    assert page["contact"] == {"id": amelia.pk, "name": "Amelia Hart"}
    assert page["routed"] == ["email", "sms", "whatsapp"]


def test_another_organization_s_page_is_not_there(amelia: Contact) -> None:
    response = logged_in(factories.member()).get(reverse("conversation", args=[amelia.pk]))
    assert response.status_code == 404
    assert "Amelia" not in response.content.decode()


def test_who_only_looks_gets_no_box_to_reply(amelia: Contact, venue: Organization) -> None:
    viewer = logged_in(factories.member(venue, role=Role.VIEWER))
    page = viewer.get(reverse("conversation", args=[amelia.pk])).content.decode()
    assert 'id="reply"' not in page


def test_strangers_are_asked_to_log_in(amelia: Contact, user: User) -> None:
    page = reverse("conversation", args=[amelia.pk])
    assert Client().get(page).status_code == 302
    Membership.objects.filter(user=user).delete()
    assert logged_in(User.objects.get(pk=user.pk)).get(page).status_code == 403


def test_a_name_with_markup_is_only_a_name(venue: Organization, user: User) -> None:
    contact = contacts.create_contact(venue, name="</script><b>Bobby</b>", addresses=[])
    page = logged_in(user).get(reverse("conversation", args=[contact.pk]))
    assert "<b>Bobby" not in page.content.decode()
    assert started(page)["contact"]["name"] == "</script><b>Bobby</b>"


# --- in the admin ---


def test_a_contact_s_page_shows_the_conversation_and_where_to_reply(
    amelia: Contact,
    user: User,
) -> None:
    rerouted(amelia)
    wrote(amelia, "sms", "Can my mother <b>come</b>?")
    page = logged_in(user).get(url(amelia)).content.decode()
    assert "Can my mother &lt;b&gt;come" in page
    assert f"Not by WhatsApp. {' '.join(TURNS)}" in page
    assert page.index("recent-heading") < page.index('id="contact_form"')
    assert f"contact={amelia.pk}&amp;channel=sms" in page
    assert reverse("conversation", args=[amelia.pk]) in page


def test_the_answer_to_a_mail_has_its_subject(amelia: Contact, user: User) -> None:
    wrote(amelia, "email", subject="Menu choices")
    page = logged_in(user).get(url(amelia)).content.decode()
    assert "subject=Re%3A+Menu+choices" in page


def test_a_message_s_page_tells_its_plan_and_why_it_took_another_way(
    amelia: Contact,
    user: User,
) -> None:
    page = logged_in(user).get(url(rerouted(amelia))).content.decode()
    assert f"By SMS instead of WhatsApp.</strong> {' '.join(TURNS)}" in page
    assert "By WhatsApp, then by SMS after 10 min" in page
    assert f"to {NUMBER}" in page


def test_a_message_without_a_plan_says_nothing_about_one(amelia: Contact, user: User) -> None:
    message = factories.message(amelia.organization)
    assert "<dt>Plan</dt>" not in logged_in(user).get(url(message)).content.decode()


def test_templates_of_whatsapp_are_looked_at_only(amelia: Contact, user: User) -> None:
    template = approved(amelia.organization, "update", quality="GREEN")
    client = logged_in(user)
    assert "green" in client.get(listed(Template)).content.decode()
    assert "APPROVED" in client.get(url(template)).content.decode()
    assert client.post(url(template), {"name": "mine", "body": "x"}).status_code == 403
    assert client.post(url(template, "delete"), {"post": "yes"}).status_code == 403
    data = {"name": "mine", "channel": "whatsapp", "body": "x", "subject": "", "html": ""}
    response = client.post(listed(Template, "add"), data)
    assert "made at Meta" in str(response.context["adminform"].form.errors["channel"])
    assert Template.objects.get() == template


def test_a_suppression_says_how_far_it_reaches(amelia: Contact, user: User) -> None:
    made = suppressions.suppress_address(
        amelia.organization,
        channel="sms",
        value=NUMBER,
        sender="+447700900000",
        marketing_only=True,
        reason=Reason.OPT_OUT,
    )
    assert made is not None
    client = logged_in(user)
    assert "advertising from +447700900000" in client.get(listed(type(made))).content.decode()
    assert "+447700900000" in client.get(url(made)).content.decode()


def composed(user: User, **fields: Any) -> Any:
    client = logged_in(user)
    form = client.get(listed(Message, "add")).context["form"]
    blank = {"to": "", "contact": "", "subject": "", "body": "", "html": "", "priority": "1"}
    blank |= {"send_at": "", "expires_at": "", "template": "", "values": ""}
    data = {**blank, "key": str(form["key"].value()), **fields}
    return client.post(listed(Message, "add"), data)


def test_an_sms_is_composed_in_the_admin(amelia: Contact, user: User) -> None:
    composed(user, channel="sms", contact=amelia.pk, body="See you at three.")
    assert (Message.objects.get().to, Message.objects.get().channel) == (NUMBER, "sms")


def test_an_approved_template_is_filled_in_line_by_line(amelia: Contact, user: User) -> None:
    template = approved(amelia.organization, "update")
    composed(
        user,
        channel="whatsapp",
        contact=amelia.pk,
        template=template.pk,
        values="Amelia\nthe barn",
    )
    message = Message.objects.get()
    assert message.body == "Hello Amelia, there is news about the barn."
    assert message.template_ref["parameters"] == ["Amelia", "the barn"]


def test_values_may_be_named(amelia: Contact, user: User) -> None:
    template = approved(amelia.organization, "update")
    typed = "2: the barn\nAmelia: our bride"
    composed(user, channel="whatsapp", contact=amelia.pk, template=template.pk, values=typed)
    assert Message.objects.get().body == "Hello Amelia: our bride, there is news about the barn."


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"channel": "whatsapp", "body": "Hello"}, "template"),
        ({"channel": "sms", "chosen": True}, "template"),
        ({"channel": "whatsapp", "chosen": True, "values": "Amelia"}, "values"),
    ],
)
def test_what_a_channel_does_not_take_is_said_at_its_field(
    amelia: Contact,
    user: User,
    fields: dict[str, Any],
    wrong: str,
) -> None:
    template = approved(amelia.organization, "update")
    if fields.pop("chosen", False):
        fields = {**fields, "template": template.pk}
    response = composed(user, contact=amelia.pk, **fields)
    assert list(response.context["form"].errors) == [wrong]
    assert not Event.objects.exists()


def test_another_organization_s_template_cannot_be_chosen(amelia: Contact, user: User) -> None:
    theirs = approved(factories.organization(), "theirs")
    response = composed(user, channel="whatsapp", contact=amelia.pk, template=theirs.pk)
    assert list(response.context["form"].errors) == ["template"]
