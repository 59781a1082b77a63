"""Nobody sees or changes what belongs to another organization, and roles are what they say."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.utils import timezone

from communications.models import (
    Contact,
    Import,
    Membership,
    Message,
    Organization,
    Pair,
    Role,
    Suppression,
    Template,
    WebhookDelivery,
)
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from tests import factories
from tests.communications.admin_pages import (
    listed,
    logged_in,
    pages_of,
    plain_static,
    registered,
    url,
)

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

SECRET = "Zanzibar"
OURS = "communications"
# What is theirs is scoped to an organization; the rest is the platform's.
SCOPED = {"communications", "calendars", "health"}


def furnished() -> dict[type[Model], Model]:
    """One row of everything, all of another organization and all with the word in it."""
    organization = factories.organization(name=f"{SECRET} Weddings")
    member = factories.member(organization, Role.OWNER, username=f"{SECRET}-owner")
    contact = factories.contact(organization, name=SECRET)
    message = factories.message(organization, subject=SECRET, contact=contact.pk, to="")
    closed = suppressions.suppress_address(
        organization,
        channel="email",
        value=f"{SECRET}@example.com",
        reason=Reason.MANUAL,
    )
    assert closed is not None
    rows: list[Model] = [
        organization,
        contact,
        message,
        closed,
        Membership.objects.get(user=member),
        Template.objects.create(organization=organization, name=SECRET, body="Hello"),
        delivery(organization),
        Pair.objects.create(
            organization=organization,
            one=contact,
            other=factories.contact(organization, name=f"{SECRET} again"),
            found_at=timezone.now(),
        ),
        Import.objects.create(
            organization=organization,
            filename=SECRET,
            content=f"Name\n{SECRET}\n",
            mapping={"Name": "name"},
        ),
    ]
    return {type(row): row for row in rows}


def delivery(organization: Organization | None = None, **columns: Any) -> WebhookDelivery:
    values = {
        "provider": "resend",
        "event_id": f"{SECRET}-{WebhookDelivery.objects.count()}",
        "type": SECRET,
        "url": "http://testserver/",
        "headers": {},
        "body": b"{}",
        "received_at": timezone.now(),
        **columns,
    }
    return WebhookDelivery.objects.create(organization=organization, **values)


def test_every_model_of_ours_in_the_admin_has_a_foreign_row_here() -> None:
    ours = {model for model, _ in registered() if model._meta.app_label == OURS}

    assert ours == set(furnished())


@pytest.mark.parametrize("role", Role.values)
def test_a_stranger_gets_no_page_that_names_a_foreign_row(role: str) -> None:
    rows = furnished()
    client = logged_in(factories.member(role=Role(role)))

    for row in rows.values():
        for page in pages_of(row):
            for response in (client.get(page), client.post(page, {"post": "yes", "name": "x"})):
                assert response.status_code in {302, 403, 404, 405}, page
                assert SECRET not in response.content.decode(), page


def test_a_stranger_changes_no_foreign_row() -> None:
    rows = furnished()
    before = {
        model: model._default_manager.filter(pk=row.pk).values()[0] for model, row in rows.items()
    }
    client = logged_in(factories.member(role=Role.OWNER))

    for model, row in rows.items():
        for page in pages_of(row):
            client.post(page, {"post": "yes", "name": "x", "role": "viewer"})
        for action in ("delete_selected", "retry", "cancel", "lift", "replay"):
            client.post(
                listed(model),
                {"action": action, "_selected_action": [str(row.pk)], "post": "yes"},
            )

    after = {
        model: model._default_manager.filter(pk=row.pk).values()[0] for model, row in rows.items()
    }
    assert after == before


def test_lists_searches_and_lookups_show_nothing_foreign() -> None:
    rows = furnished()
    foreign = rows[Organization].pk
    client = logged_in(factories.member(role=Role.OWNER))

    for model, _ in registered():
        if model._meta.app_label != OURS:
            continue
        for query in (
            "",
            f"?q={SECRET.lower()}",
            f"?organization__id__exact={foreign}",
            f"?organization={foreign}",
            f"?pk={rows[model].pk}",
        ):
            response = client.get(listed(model) + query, follow=True)
            text = response.content.decode().replace(f"q={SECRET}", "")
            assert SECRET not in text, (model, query)


def test_the_first_page_and_its_search_show_nothing_foreign() -> None:
    furnished()
    client = logged_in(factories.member(role=Role.OWNER))

    assert SECRET not in client.get("/admin/").content.decode()
    assert SECRET not in client.get(f"/admin/search/?s={SECRET}&extended=1").content.decode()


def test_autocompletion_offers_own_contacts_only() -> None:
    furnished()
    user = factories.member()
    factories.contact(user.membership.organization, name="Own Contact")
    query = "app_label=communications&model_name=message&field_name=contact"

    answer = logged_in(user).get(f"/admin/autocomplete/?{query}&term=").json()

    assert [result["text"] for result in answer["results"]] == ["Own Contact"]


def test_composing_to_a_foreign_contact_is_refused() -> None:
    contact = furnished()[Contact]
    client = logged_in(factories.member())
    form = client.get(listed(Message, "add")).context["form"]

    response = client.post(
        listed(Message, "add"),
        {
            "key": str(form["key"].value()),
            "channel": "email",
            "contact": contact.pk,
            "subject": "Hi",
            "body": "Hi",
            "priority": 1,
        },
    )

    assert "contact" in response.context["form"].errors
    assert Message.objects.count() == 1


@pytest.mark.parametrize("model", [Contact, Template, Suppression, Membership])
def test_a_posted_organization_is_ignored(model: type[Model]) -> None:
    foreign = furnished()[Organization]
    before = model._default_manager.filter(organization=foreign).count()
    client = logged_in(factories.member(role=Role.OWNER))

    response = client.post(
        listed(model, "add"),
        {
            "organization": foreign.pk,
            "name": "posted",
            "channel": "email",
            "value": "posted@example.com",
            "body": "Hello",
            "username": "posted",
            "password": "long-enough-for-anybody",
            "role": "staff",
            "addresses-TOTAL_FORMS": 0,
            "addresses-INITIAL_FORMS": 0,
        },
    )

    assert response.status_code == 302
    assert model._default_manager.filter(organization=foreign).count() == before


@pytest.mark.parametrize("role", Role.values)
def test_django_s_permission_rows_open_nothing(role: str) -> None:
    user = factories.member(role=Role(role))
    user.user_permissions.set(Permission.objects.all())
    client = logged_in(user)

    for model, _ in registered():
        if model._meta.app_label not in SCOPED:
            assert client.get(listed(model)).status_code == 403, model
            assert client.get(listed(model, "add")).status_code == 403, model


def test_a_login_without_an_organization_sees_an_explanation_and_nothing_else() -> None:
    rows = furnished()
    client = logged_in(User.objects.create_user("nobody", is_staff=True))

    assert "belongs to no organization" in client.get("/admin/").content.decode()
    assert all(client.get(listed(model)).status_code == 403 for model in rows)


def test_a_platform_administrator_sees_everything() -> None:
    rows = furnished()
    delivery(None)
    client = logged_in(User.objects.create_superuser("root"))

    for row in rows.values():
        assert client.get(url(row)).status_code == 200
        assert SECRET in client.get(listed(type(row))).content.decode()
    for model, _ in registered():
        assert client.get(listed(model)).status_code == 200, model
        assert client.get(listed(model, "add")).status_code in {200, 403}, model


def test_deliveries_nobody_could_be_found_for_are_the_platform_s() -> None:
    lost = delivery(None)
    member = factories.member(role=Role.OWNER)
    administrator = factories.member(is_superuser=True)

    assert logged_in(member).get(url(lost)).status_code == 302
    assert logged_in(administrator).get(url(lost)).status_code == 200


def own(user: User) -> list[Model]:
    organization = user.membership.organization
    closed = suppressions.suppress_address(
        organization,
        channel="email",
        value="closed@example.com",
        reason=Reason.MANUAL,
    )
    assert closed is not None
    return [
        factories.message(organization),
        factories.contact(organization),
        Template.objects.create(organization=organization, name="one", body="Hello"),
        closed,
        delivery(organization, applied_at=timezone.now()),
        organization,
        user.membership,
    ]


def test_a_viewer_sees_every_page_and_can_do_nothing() -> None:
    user = factories.member(role=Role.VIEWER)
    rows = own(user)
    client = logged_in(user)

    for row in rows:
        model = type(row)
        assert client.get(listed(model)).status_code == 200
        assert client.get(url(row)).status_code == 200
        assert client.get(listed(model, "add")).status_code == 403
        assert client.post(url(row), {"name": "x"}).status_code == 403
        assert client.get(url(row, "delete")).status_code == 403
        assert (
            "action" not in client.get(listed(model)).context["action_form"].fields
            if (client.get(listed(model)).context["action_form"])
            else True
        )


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_a_viewer_cannot_act_on_a_message(verb: str) -> None:
    user = factories.member(role=Role.VIEWER)
    message = factories.message(user.membership.organization)
    client = logged_in(user)

    assert client.post(url(message, verb)).status_code == 403
    client.post(listed(Message), {"action": verb, "_selected_action": [str(message.pk)]})
    assert "Cancel sending" not in client.get(url(message)).content.decode()
    message.refresh_from_db()
    assert message.status == "queued"


def test_staff_looks_at_members_and_settings_but_does_not_change_them() -> None:
    user = factories.member(role=Role.STAFF)
    client = logged_in(user)

    for row in (user.membership, user.membership.organization):
        assert client.get(url(row)).status_code == 200
        assert client.post(url(row), {"role": "owner", "name": "Mine"}).status_code == 403
    assert client.get(listed(Membership, "add")).status_code == 403


def test_nothing_is_deleted_that_is_history() -> None:
    user = factories.member(role=Role.OWNER, is_superuser=True)
    client = logged_in(user)

    for row in own(user):
        if isinstance(row, Contact | Template):
            assert client.get(url(row, "delete")).status_code == 200
        else:
            assert client.post(url(row, "delete"), {"post": "yes"}).status_code == 403
            assert type(row)._default_manager.filter(pk=row.pk).exists()
