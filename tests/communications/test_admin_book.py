"""The address book in the admin: imports, the review queue, merges, forgetting."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from communications.book import contacts, duplicates
from communications.models import Contact, Import, Merge, Organization, Pair, Role, Verdict
from tests import factories
from tests.communications.admin_pages import listed, logged_in, page_messages, plain_static, url

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

FILE = "Name,E-mail,Diet\nAmelia Hart,amelia@hart.example,vegan\n,nonsense,\n"


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


def given(client: Client, text: str = FILE) -> Any:
    upload = SimpleUploadedFile("guests.csv", text.encode(), content_type="text/csv")
    return client.post(listed(Import, "add"), {"file": upload}, follow=True)


# --- imports ---


def test_a_file_is_looked_at_told_its_columns_and_taken(
    client: Client,
    organization: Organization,
) -> None:
    page = given(client).content.decode()
    row = Import.objects.get()
    assert "is not an e-mail address" in page
    assert "Take 1, leave out 1" in page
    assert not Contact.objects.exists()

    chosen = {"column-0": "name", "column-1": "email", "column-2": "custom"}
    client.post(url(row, "columns"), chosen)
    wrong = client.get(url(row, "errors")).content.decode()
    assert "nonsense" in wrong
    assert "Amelia" not in wrong
    refused = client.post(url(row, "confirm"), follow=True)
    assert "1 rows cannot be taken" in page_messages(refused)
    taken = client.post(url(row, "confirm"), {"without_errors": "1"}, follow=True)

    assert page_messages(taken) == "1 new, 1 left out."
    made = Contact.objects.get(organization=organization)
    assert (made.name, made.custom) == ("Amelia Hart", {"Diet": "vegan"})
    assert client.post(url(row, "confirm")).status_code == 404


def test_a_file_that_is_none_says_so(client: Client) -> None:
    page = given(client, "x").content.decode()

    assert "names of the columns" in page
    assert not Import.objects.exists()


def test_a_file_is_thrown_away(client: Client) -> None:
    given(client)

    client.post(url(Import.objects.get(), "discard"))

    row = Import.objects.get()
    assert (row.state, row.content, Contact.objects.count()) == ("discarded", "", 0)


def test_viewers_import_and_forget_nothing(organization: Organization) -> None:
    viewer = logged_in(factories.member(organization, Role.VIEWER))
    contact = factories.contact(organization)

    assert given(viewer).status_code == 403
    for page in ("forget", "everything"):
        assert viewer.get(url(contact, page)).status_code == 403
    assert viewer.post(url(contact, "forget")).status_code == 403
    export = reverse("admin:communications_contact_export", args=["csv"])
    assert viewer.get(export).status_code == 403
    assert Contact.objects.exists()


# --- the review queue ---


@pytest.fixture
def pairs(organization: Organization) -> list[Pair]:
    for number in ("101", "102"):
        for channel, name in (("sms", "Anna Weber"), ("whatsapp", "Anna Webber")):
            contacts.create_contact(
                organization,
                name=f"{name} {number}",
                addresses=[(channel, f"+447700900{number}")],
            )
    duplicates.compare_pending(organization)
    return list(Pair.objects.order_by("-score", "pk"))


def test_two_are_shown_side_by_side_with_a_key_for_each_decision(
    client: Client,
    pairs: list[Pair],
) -> None:
    page = client.get(url(pairs[0])).content.decode()

    assert "Is this one person?" in page
    for key in ("m", "k", "l"):
        assert f'data-key="{key}"' in page
    assert "Anna Webber 101" in page


def test_a_decision_leads_to_the_next_one(client: Client, pairs: list[Pair]) -> None:
    assert len(pairs) == 2

    merged = client.post(url(pairs[0], "merge"))
    assert merged["location"] == url(pairs[1])
    last = client.post(url(pairs[1], "apart"), follow=True)

    assert "nothing is left to decide" in page_messages(last)
    verdicts = set(Pair.objects.values_list("verdict", flat=True))
    assert verdicts == {Verdict.MERGED, Verdict.APART}
    assert Contact.objects.count() == 3


def test_single_fields_are_chosen(client: Client, pairs: list[Pair]) -> None:
    left, right = pairs[0].one, pairs[0].other
    for contact, notes in ((left, "Vegan."), (right, "Brings a dog.")):
        contacts.change_contact(contact, notes=notes)
    page = client.get(url(pairs[0])).content.decode()
    assert page.count('type="radio"') == 5
    assert f'name="name" value="{left.pk}" checked' in page
    assert 'name="notes" value="" checked' in page

    client.post(url(pairs[0], "merge"), {"name": right.pk, "notes": right.pk, "company": "x"})

    kept = Contact.objects.get(pk=left.pk)
    assert (kept.name, kept.notes) == ("Anna Webber 101", "Brings a dog.")
    assert 'type="radio"' not in client.get(url(pairs[0])).content.decode()


def test_whose_address_is_used_first_is_chosen(client: Client, pairs: list[Pair]) -> None:
    left, right = pairs[0].one, pairs[0].other
    for contact, name in ((left, "a"), (right, "b")):
        contacts.add_address(contact, channel="email", value=f"{name}@hart.example")
        contact.addresses.filter(channel="email").update(is_primary=True)
    page = client.get(url(pairs[0])).content.decode()
    assert f'name="addresses" value="{left.pk}" checked' in page

    client.post(url(pairs[0], "merge"), {"addresses": right.pk})

    kept = Contact.objects.get(pk=left.pk)
    assert kept.addresses.get(channel="email", is_primary=True).value == "b@hart.example"


def test_a_merge_is_undone_from_the_page_of_the_contact(
    client: Client,
    pairs: list[Pair],
) -> None:
    client.post(url(pairs[0], "merge"))
    merge = Merge.objects.get()
    assert merge.kept is not None
    assert "Take out again" in client.get(url(merge.kept)).content.decode()

    back = client.post(url(merge.kept, "unmerge"), {"merge": merge.pk}, follow=True)

    assert "a contact of its own again" in page_messages(back)
    assert Contact.objects.count() == 4
    assert client.post(url(merge.kept, "unmerge"), {"merge": "x"}).status_code == 404


# --- one contact ---


def test_everything_and_both_exports_are_given_out(
    client: Client,
    organization: Organization,
) -> None:
    contact = factories.contact(organization, email="amelia@hart.example")

    told_all = client.get(url(contact, "everything"))
    assert told_all.json()["contact"]["addresses"][0]["value"] == "amelia@hart.example"
    for kind, mark in (("csv", "Amelia Hart"), ("vcf", "FN:Amelia Hart")):
        export = client.get(reverse("admin:communications_contact_export", args=[kind]))
        assert mark in export.content.decode()
        assert f"contacts.{kind}" in export["Content-Disposition"]
    assert client.get(reverse("admin:communications_contact_export", args=["x"])).status_code == 404


def test_a_person_is_forgotten_after_a_question(client: Client, organization: Organization) -> None:
    contact = factories.contact(organization, name="Amelia Hart")
    assert "Forget Amelia Hart?" in client.get(url(contact, "forget")).content.decode()
    assert Contact.objects.exists()

    done = client.post(url(contact, "forget"), follow=True)

    assert "Forgotten" in page_messages(done)
    assert not Contact.everyone.exists()


def test_a_stranger_is_looked_at(client: Client, organization: Organization) -> None:
    stranger = contacts.find_or_create_contact(
        organization, channel="email", value="who@example.com"
    )
    assert "Nobody has looked at this contact" in client.get(url(stranger)).content.decode()
    assert "who@example.com" in client.get(f"{listed(Contact)}?to_review=yes").content.decode()

    client.post(url(stranger, "looked_at"))

    stranger.refresh_from_db()
    assert not stranger.to_review
    assert stranger.changes.first().by == "olga"  # type: ignore[union-attr]


def test_lists_and_pairs_are_typed_as_text(client: Client, organization: Organization) -> None:
    contact = contacts.create_contact(
        organization, name="Amelia", addresses=[], custom={"table": 7}
    )
    data = {
        "name": "",
        "given_name": "Amelia",
        "family_name": "Hart",
        "roles": ["guest", "couple"],
        "weddings": "Hart & Bennett, June; Other",
        "custom": "table: 7\nmenu: vegan",
        "addresses-TOTAL_FORMS": 0,
        "addresses-INITIAL_FORMS": 0,
    }

    client.post(url(contact), data)

    contact.refresh_from_db()
    assert (contact.name, contact.roles) == ("Amelia Hart", ["couple", "guest"])
    assert contact.weddings == ["Hart & Bennett, June", "Other"]
    assert contact.custom == {"table": 7, "menu": "vegan"}
    wrong = client.post(url(contact), data | {"custom": "no colon", "time_zone": "Mars"})
    assert {"custom", "time_zone"} <= set(wrong.context["adminform"].form.errors)
