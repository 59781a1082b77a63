"""Synchronised address books in the admin: begun, watched, stopped, decided about."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from calendars.models import ContactBook, ContactConflict
from communications.book import contacts
from communications.models import Contact, Organization, Role
from tests import factories
from tests.calendars.fake_contacts_vendor import FakeContactsVendor
from tests.calendars.test_contact_sync import contacts_vendor, generated_contacts, linked, synced
from tests.communications.admin_pages import (
    listed,
    logged_in,
    page_messages,
    pages_of,
    plain_static,
    url,
)

__all__ = ["contacts_vendor", "plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def user() -> User:
    return factories.member(role=Role.OWNER, username="olga")


@pytest.fixture
def venue(user: User) -> Organization:
    found: Organization = user.membership.organization
    return found


@pytest.fixture
def client(user: User, settings: Settings) -> Client:  # noqa: ARG001
    return logged_in(user)


@pytest.fixture
def book(venue: Organization, contacts_vendor: FakeContactsVendor) -> ContactBook:
    return linked(venue, contacts_vendor, policy="ask")


def test_it_shows_how_far_it_is(
    client: Client, book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    generated_contacts(contacts_vendor, 30)
    synced(book)
    assert "30 contacts linked" in client.get(url(book)).content.decode()

    ContactBook.objects.update(
        stage="reading",
        done=40,
        total=200,
        syncing_until=timezone.now() + timedelta(minutes=1),
    )
    part = client.get(url(book, "progress")).content.decode()
    assert "Reading: 40 of 200, 160 left" in part
    client.post(url(book, "stop"))
    assert ContactBook.objects.get().is_cancelled


def test_options_are_chosen(client: Client, book: ContactBook) -> None:
    page = client.get(url(book)).content.decode()
    assert "Friends" in page

    client.post(url(book, "options"), {"direction": "read", "policy": "ours", "groups": ["vips"]})

    book.refresh_from_db()
    assert (book.direction, book.policy, book.groups) == ("read", "ours", ["vips"])
    wrong = client.post(url(book, "options"), {"direction": "sideways"}, follow=True)
    assert "sideways" in page_messages(wrong)


def test_what_is_held_is_decided(
    client: Client, book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    generated_contacts(contacts_vendor, 30)
    synced(book)
    contacts_vendor.empty = True
    ContactBook.objects.update(cursors={})
    synced(book)
    assert "Is it true?" in client.get(url(book)).content.decode()

    client.post(url(book, "held"), {"decision": "keep"})

    assert ContactBook.objects.get().held_decision == "keep"
    assert client.post(url(book, "held"), {"decision": "x"}).status_code == 404


def test_a_conflict_is_decided(
    client: Client, book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    there = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",), notes="Before")
    synced(book)
    contacts.change_contact(Contact.objects.get(), notes="Ours")
    contacts_vendor.change(there.id, notes="Theirs")
    synced(book)
    row = ContactConflict.objects.get()
    assert "who is right" in client.get(url(book)).content.decode()

    client.post(url(book, "conflict"), {"conflict": row.pk, "winner": "theirs"})

    assert Contact.objects.get().notes == "Theirs"
    assert ContactConflict.objects.get().decided_by == "olga"


def test_a_vendor_that_does_not_answer_leaves_the_page_open(
    client: Client,
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
) -> None:
    contacts_vendor.revoked = True
    book.account.grant = ""
    book.account.save()

    assert "could not be asked" in client.get(url(book)).content.decode()


def test_an_account_is_chosen(
    client: Client, venue: Organization, contacts_vendor: FakeContactsVendor
) -> None:
    account = linked(venue, contacts_vendor).account
    ContactBook.objects.all().delete()

    client.post(listed(ContactBook, "add"), {"account": account.pk})

    assert ContactBook.objects.get().direction == "read"


@pytest.mark.parametrize("role", [Role.OWNER, Role.VIEWER])
def test_nobody_else_sees_or_does_anything(book: ContactBook, role: str, venue: Any) -> None:
    visitor = logged_in(factories.member(role=Role(role)))
    for page in pages_of(book):
        for answer in (visitor.get(page), visitor.post(page)):
            assert answer.status_code in {302, 403, 404, 405}, page
            assert str(book.account) not in answer.content.decode()
    viewer = logged_in(factories.member(venue, Role.VIEWER))
    assert viewer.post(url(book, "now")).status_code == 403
