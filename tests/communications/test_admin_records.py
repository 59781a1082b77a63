"""Contacts, suppressions, deliveries, templates, settings and members in the admin."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.admin import deliveries
from communications.book import contacts
from communications.models import (
    Address,
    Contact,
    Membership,
    Message,
    Organization,
    Role,
    Suppression,
    Template,
    WebhookDelivery,
)
from communications.policy import suppressions
from communications.receiving import deliveries as ingest
from communications.vocabulary.events import Reason
from tests import factories
from tests.communications.admin_pages import listed, logged_in, page_messages, plain_static, url

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def user() -> User:
    return factories.member(role=Role.OWNER, username="olga")


@pytest.fixture
def organization(user: User) -> Organization:
    found: Organization = user.membership.organization
    return found


@pytest.fixture
def client(user: User) -> Client:
    return logged_in(user)


# --- contacts ---


def person(*addresses: tuple[str, str], contact: Contact | None = None) -> dict[str, Any]:
    """What the browser posts for a contact with these addresses, in place of those it has."""
    old = list(contact.addresses.all()) if contact else []
    data: dict[str, Any] = {
        "name": "Amelia Hart",
        "notes": "",
        "addresses-TOTAL_FORMS": len(old) + len(addresses),
        "addresses-INITIAL_FORMS": len(old),
    }
    for number, address in enumerate(old):
        prefix = f"addresses-{number}"
        data |= {f"{prefix}-id": address.pk, f"{prefix}-contact": address.contact_id}
        data |= {f"{prefix}-channel": address.channel, f"{prefix}-value": address.value}
        data[f"{prefix}-DELETE"] = "on"
    for number, (channel, value) in enumerate(addresses, start=len(old)):
        data |= {f"addresses-{number}-channel": channel, f"addresses-{number}-value": value}
    return data


def errors(response: Any) -> list[dict[str, list[str]]]:
    found: list[dict[str, list[str]]] = response.context["inline_admin_formsets"][0].formset.errors
    return [error for error in found if error]


def test_a_contact_is_stored_with_normalised_addresses(
    client: Client,
    organization: Organization,
) -> None:
    client.post(
        listed(Contact, "add"),
        person(("email", "Amelia@Example.COM"), ("sms", "07700 900123")),
    )

    contact = Contact.objects.get(organization=organization)
    assert list(contact.addresses.values_list("channel", "value")) == [
        ("email", contacts.normalise_email("Amelia@Example.COM")),
        ("sms", "+447700900123"),
    ]
    assert set(Address.objects.values_list("organization", flat=True)) == {organization.pk}


@pytest.mark.parametrize(
    ("addresses", "why"),
    [
        ([("email", "nonsense")], "is not an e-mail address"),
        ([("sms", "12")], "telephone number"),
        ([("email", "taken@example.com")], "belongs to Noah already"),
        ([("email", "a@example.com"), ("email", "a@EXAMPLE.com")], "is there twice"),
    ],
)
def test_a_wrong_address_is_said_at_its_field(
    client: Client,
    organization: Organization,
    addresses: list[tuple[str, str]],
    why: str,
) -> None:
    factories.contact(organization, email="taken@example.com", name="Noah")

    response = client.post(listed(Contact, "add"), person(*addresses))

    assert why in errors(response)[0]["value"][0]
    assert Contact.objects.count() == 1


def test_addresses_are_replaced_as_a_whole(client: Client, organization: Organization) -> None:
    contact = factories.contact(organization, email="old@example.com")

    client.post(
        url(contact),
        person(("email", "new@example.com"), ("email", "old@example.com"), contact=contact),
    )

    assert list(contact.addresses.values_list("value", flat=True)) == [
        "new@example.com",
        "old@example.com",
    ]


def test_an_address_that_nobody_delivers_to_stays_and_says_why(
    client: Client, organization: Organization
) -> None:
    contact = contacts.find_or_create_contact(
        organization, channel="email", value="jörg@example.com"
    )
    kept = {name: on for name, on in person(contact=contact).items() if "DELETE" not in name}
    client.post(url(contact), {**kept, "name": "Jörg"})
    contact.refresh_from_db()
    assert (contact.name, contact.reachable_at("email")) == ("Jörg", "jörg@example.com")
    assert "No provider delivers to jörg@example.com" in client.get(url(contact)).content.decode()


def test_an_address_taken_during_the_save_is_reported_not_a_crash(
    client: Client,
    organization: Organization,
) -> None:
    factories.contact(organization, email="taken@example.com")

    with patch("communications.book.contacts.contact_by_address", return_value=None):
        response = client.post(
            listed(Contact, "add"),
            person(("email", "taken@example.com")),
            follow=True,
        )

    assert "belongs to another contact already" in page_messages(response)
    assert Contact.objects.count() == 1


def test_another_name_leaves_the_addresses_alone(
    client: Client,
    organization: Organization,
) -> None:
    contact = factories.contact(organization, email="same@example.com", name="Before")
    before = contact.addresses.get().pk
    data = {key: value for key, value in person(contact=contact).items() if "DELETE" not in key}

    client.post(url(contact), data)

    contact.refresh_from_db()
    assert contact.name == "Amelia Hart"
    assert contact.addresses.get().pk == before


def test_a_contact_s_page_shows_its_messages_and_closed_addresses(
    client: Client,
    organization: Organization,
) -> None:
    contact = factories.contact(organization, email="amelia@example.com")
    factories.message(organization, contact=contact.pk, to="", subject="Seating plan")
    suppressions.suppress_address(
        organization,
        channel="email",
        value="amelia@example.com",
        reason=Reason.OPT_OUT,
    )

    page = client.get(url(contact)).content.decode()

    assert "Seating plan" in page
    assert "may not be written to: opted out" in page


# --- suppressions ---


def test_an_address_is_closed_by_hand(client: Client, organization: Organization) -> None:
    client.post(
        listed(Suppression, "add"),
        {"channel": "sms", "value": "07700 900123", "detail": ""},
    )

    closed = Suppression.objects.get(organization=organization)
    assert (closed.value, closed.reason) == ("+447700900123", Reason.MANUAL)
    assert "olga" in closed.detail


def test_a_closed_or_wrong_address_is_said_at_its_field(
    client: Client,
    organization: Organization,
) -> None:
    suppressions.suppress_address(
        organization,
        channel="email",
        value="a@example.com",
        reason=Reason.COMPLAINT,
    )

    for value in ("A@example.com", "nonsense"):
        response = client.post(listed(Suppression, "add"), {"channel": "email", "value": value})
        assert "value" in response.context["adminform"].form.errors
    assert Suppression.objects.get().reason == Reason.COMPLAINT


def test_lifting_opens_the_address_and_keeps_the_row(
    client: Client,
    organization: Organization,
) -> None:
    closed = suppressions.suppress_address(
        organization,
        channel="email",
        value="a@example.com",
        reason=Reason.MANUAL,
    )
    assert closed

    first = client.post(url(closed, "lift"), follow=True)
    second = client.post(
        listed(Suppression),
        {"action": "lift", "_selected_action": [closed.pk]},
        follow=True,
    )

    closed.refresh_from_db()
    assert closed.lifted_by == "olga"
    assert "Open again: 1 suppression." in page_messages(first)
    assert "It was lifted before." in page_messages(second)


def test_a_suppression_is_not_edited(client: Client, organization: Organization) -> None:
    closed = suppressions.suppress_address(
        organization,
        channel="email",
        value="a@example.com",
        reason=Reason.MANUAL,
    )
    assert closed

    assert client.post(url(closed), {"value": "b@example.com"}).status_code == 403


# --- webhook deliveries ---


def delivery(organization: Organization, **columns: Any) -> WebhookDelivery:
    values = {
        "provider": "resend",
        "event_id": f"msg-{WebhookDelivery.objects.count()}",
        "type": "email.bounced",
        "url": "http://testserver/",
        "headers": {"svix-id": "<i>1</i>"},
        "body": json.dumps({"b": "<script>alert(1)</script>", "a": 1}).encode(),
        "received_at": timezone.now(),
        **columns,
    }
    return WebhookDelivery.objects.create(organization=organization, **values)


def test_a_delivery_shows_its_body_readable_and_escaped(
    client: Client,
    organization: Organization,
) -> None:
    page = client.get(url(delivery(organization))).content.decode()

    assert "{\n  &quot;a&quot;: 1,\n  &quot;b&quot;: &quot;&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "<i>1" not in page


def test_a_long_body_is_cut(
    client: Client,
    organization: Organization,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "MAX_BODY", 10)

    page = client.get(url(delivery(organization, body=b"x" * 1_500))).content.decode()

    assert "x" * 10 + "… and 1,490 more characters" in page
    assert "x" * 11 not in page


@pytest.mark.parametrize("body", [b"MessageSid=SM1&Body=%3Cb%3E", b"\xff\x00{", b""])
def test_a_body_that_is_no_json_is_shown_as_it_is(
    client: Client,
    organization: Organization,
    body: bytes,
) -> None:
    assert client.get(url(delivery(organization, body=body))).status_code == 200


def test_the_list_tells_what_became_of_each(client: Client, organization: Organization) -> None:
    now = timezone.now()
    rows = {
        "applied": delivery(organization, applied_at=now),
        "waiting": delivery(organization, apply_after=now, error="Not yet."),
        "failed": delivery(organization, error="Broken."),
    }

    for state, row in rows.items():
        shown = client.get(listed(WebhookDelivery), {"state": state}).context["cl"].result_list
        assert list(shown) == [row], state
        assert state.capitalize() in client.get(url(row)).content.decode()


def test_replay_applies_a_delivery_again(client: Client, organization: Organization) -> None:
    broken = delivery(organization, error="Broken.", tries=9)

    with patch.object(ingest, "replay_delivery", return_value=True) as replay:
        response = client.post(url(broken, "replay"), follow=True)

    replay.assert_called_once_with(broken)
    assert "Applied: 1 webhook delivery." in page_messages(response)


def test_replay_of_what_still_fails_says_why(client: Client, organization: Organization) -> None:
    broken = delivery(organization, body=b"{", type="email.bounced")

    response = client.post(url(broken, "replay"), follow=True)

    broken.refresh_from_db()
    assert broken.tries == 1
    assert broken.error
    assert broken.error.splitlines()[0][:20] in page_messages(response)


def test_replay_of_many_reports_each_reason_once(
    client: Client,
    organization: Organization,
) -> None:
    rows = [
        delivery(organization, body=b'{"type": "domain.created", "data": {}}'),
        delivery(organization, provider="gone"),
        delivery(organization, provider="gone"),
    ]

    response = client.post(
        listed(WebhookDelivery),
        {"action": "replay", "_selected_action": [row.pk for row in rows]},
        follow=True,
    )

    assert "not possible for 2 webhook deliveries" in page_messages(response)
    assert "gone" in page_messages(response)


# --- templates ---


def test_a_template_s_name_is_unique_for_its_channel(
    client: Client,
    organization: Organization,
) -> None:
    data = {"name": "welcome", "channel": "email", "subject": "Hi", "body": "Hi {{ name }}"}
    Template.objects.create(organization=factories.organization(), name="welcome", body="Hi")

    client.post(listed(Template, "add"), data)
    again = client.post(listed(Template, "add"), data)

    assert "name" in again.context["adminform"].form.errors
    found = Template.objects.get(organization=organization)
    client.post(url(found), {**data, "body": "Hello {{ name }}"})
    found.refresh_from_db()
    assert found.body == "Hello {{ name }}"

    wrong = client.post(url(found), {**data, "body": "Hello {{ first name }}"})
    assert "{{ first_name }}" in wrong.context["adminform"].form.errors["body"][0]


# --- settings ---


def settings(**fields: str) -> dict[str, str]:
    return {
        "name": "Ever After",
        "email_from": "Ever After <hello@ever-after.example>",
        "time_zone": "Europe/Paris",
        "region": "fr",
        **fields,
    }


def test_an_owner_says_which_languages_it_writes_in(
    client: Client, organization: Organization
) -> None:
    client.post(url(organization), settings(languages="EN, pt-br"))
    organization.refresh_from_db()
    assert organization.languages == ["en", "pt_BR"]
    assert 'value="en, pt_BR"' in client.get(url(organization)).content.decode()
    wrong = client.post(url(organization), settings(languages="en, klingon"))
    assert "klingon" in wrong.context["adminform"].form.errors["languages"][0]


def test_an_owner_changes_the_settings(client: Client, organization: Organization) -> None:
    client.post(url(organization), settings(slug="stolen"))

    before = organization.slug
    organization.refresh_from_db()
    assert (organization.time_zone, organization.region) == ("Europe/Paris", "FR")
    assert organization.slug == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email_from", "nonsense"),
        ("email_from", "Other <HELLO@other.example>"),
        ("time_zone", "Mars/Olympus"),
        ("region", "XX"),
    ],
)
def test_an_impossible_setting_is_said_at_its_field(
    client: Client,
    organization: Organization,
    field: str,
    value: str,
) -> None:
    factories.organization(email_from="Other Venue <hello@other.example>")

    response = client.post(url(organization), settings(**{field: value}))

    assert list(response.context["adminform"].form.errors) == [field]


def test_only_the_platform_makes_organizations(client: Client) -> None:
    root = logged_in(User.objects.create_superuser("root"))

    assert client.get(listed(Organization, "add")).status_code == 403
    root.post(listed(Organization, "add"), settings(slug="new", email_from="", sending_weight="1"))
    assert Organization.objects.filter(slug="new").exists()


# --- members ---


def new_member(**fields: str) -> dict[str, str]:
    return {
        "username": "new",
        "email": "new@example.com",
        "password": "long-enough-for-anybody",
        "role": "viewer",
        **fields,
    }


def test_an_owner_makes_a_login_for_a_new_member(
    client: Client,
    organization: Organization,
) -> None:
    client.post(listed(Membership, "add"), new_member(is_superuser="on"))

    made = Membership.objects.get(user__username="new")
    assert (made.organization, made.role) == (organization, "viewer")
    assert made.user.is_staff
    assert not made.user.is_superuser
    assert Client().login(username="new", password="long-enough-for-anybody")


@pytest.mark.parametrize("name", ["OLGA", "with space"])
def test_a_member_s_name_must_be_free_and_possible(client: Client, name: str) -> None:
    response = client.post(listed(Membership, "add"), new_member(username=name))

    assert "username" in response.context["adminform"].form.errors


def test_an_owner_gives_another_role_and_removes_a_member(
    client: Client,
    organization: Organization,
) -> None:
    other = factories.member(organization, Role.VIEWER).membership

    client.post(url(other), {"role": "staff", "user": "1"})
    other.refresh_from_db()
    assert other.role == "staff"

    client.post(url(other, "delete"), {"post": "yes"})
    assert not Membership.objects.filter(pk=other.pk).exists()
    assert User.objects.filter(pk=other.user_id).exists()


def test_nobody_removes_or_demotes_themselves(client: Client, user: User) -> None:
    assert client.post(url(user.membership), {"role": "viewer"}).status_code == 403
    assert client.post(url(user.membership, "delete"), {"post": "yes"}).status_code == 403


# --- the first page ---


def test_the_first_page_counts_and_lists_what_needs_a_look(
    client: Client,
    organization: Organization,
) -> None:
    failed = factories.message(organization, subject="Broken mail")
    Message.objects.filter(pk=failed.pk).update(
        status="failed",
        send_after=None,
        error="No such mailbox.",
    )
    factories.message(organization, subject="Fine")
    delivery(organization, error="Broken.")

    response = client.get("/admin/")

    counts = {tile["title"]: tile["count"] for tile in response.context["tiles"]}
    assert counts["Waiting to be sent"] == "1"
    assert counts["Failed or bounced"] == "1"
    assert counts["Webhooks not applied"] == "1"
    page = response.content.decode()
    assert "Broken mail" in page
    assert "No such mailbox." in page
    assert "Fine" not in page


def test_the_tiles_lead_to_lists_with_as_many_rows(
    client: Client,
    organization: Organization,
) -> None:
    factories.message(organization)
    came_in = factories.message(organization)
    Message.objects.filter(pk=came_in.pk).update(
        direction="inbound",
        status="delivered",
        send_after=None,
    )
    delivery(organization, error="Broken.")

    tiles = client.get("/admin/").context["tiles"]
    for tile in [tile for tile in tiles if tile["link"] != reverse("health")]:
        found = client.get(tile["link"]).context["cl"].result_count
        assert str(found) == tile["count"], tile["title"]


def test_the_sidebar_names_what_there_is(client: Client, organization: Organization) -> None:
    page = client.get("/admin/").content.decode()

    for link in (listed(Message), listed(Contact), listed(WebhookDelivery), "/api/docs/", '"/"'):
        assert link in page
    assert url(organization) in page
    assert "API tokens" not in page
