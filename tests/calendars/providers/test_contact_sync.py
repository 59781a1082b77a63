"""Contacts of Google and Microsoft by real HTTP, in both directions, with faults on the way."""

from typing import Any

import pytest
from pytest_django import Settings

from calendars.contacts import (
    books,
    sync,
)
from calendars.mailbox import grants
from calendars.models import Account, ContactBook
from calendars.providers import registry
from communications.book import contacts
from communications.models import Contact, Organization
from tests import factories
from tests.calendars import rows
from tests.calendars.providers.vendor_harness import (
    GoogleHarness,
    MicrosoftHarness,
    VendorHarness,
)
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

COUNT = 200


@pytest.fixture(params=[GoogleHarness, MicrosoftHarness], ids=["google", "microsoft"])
def harness(request: pytest.FixtureRequest, sandbox_server: SandboxServer) -> VendorHarness:
    found: VendorHarness = request.param(sandbox_server)
    found.rest()
    return found


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


@pytest.fixture
def book(harness: VendorHarness, venue: Organization, settings: Settings) -> ContactBook:
    vendor = harness.vendor()
    settings.CALENDARS = {harness.slug: {"BACKEND": "unused", "OPTIONS": {}}}
    registry.configured_vendor.cache_clear()
    grant = harness.grant(vendor)
    account = rows.account(
        venue,
        vendor=harness.slug,
        grant=grants.seal_grant(grant),
        scopes=list(grant.scopes),
    )
    return books.follow_book(account, direction="both")


@pytest.fixture(autouse=True)
def vendors(harness: VendorHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's address is known only now, so the vendor is not built from settings."""
    vendor = harness.vendor()
    monkeypatch.setattr("calendars.mailbox.mailbox.configured_vendor", lambda _slug: vendor)
    monkeypatch.setattr("calendars.mailbox.grants.configured_vendor", lambda _slug: vendor)


def synced(book: ContactBook, times: int = 1) -> ContactBook:
    for _ in range(times):
        Account.objects.update(retry_at=None)
        assert sync.sync_book(book.pk)
    book.refresh_from_db()
    return book


def theirs(harness: VendorHarness) -> dict[str, Any]:
    found: dict[str, Any] = {}
    box, page = harness.mailbox(), ""
    while True:
        people = box.people("", page)
        found |= {item.name: item for item in people.items if hasattr(item, "name")}
        page = people.next_page
        if not page:
            return found


def test_all_of_them_arrive_and_both_sides_converge(
    harness: VendorHarness,
    book: ContactBook,
    venue: Organization,
) -> None:
    harness.adds_people(COUNT)
    synced(book)
    assert book.error == ""
    there = theirs(harness)
    assert Contact.objects.filter(organization=venue).count() == len(there) >= COUNT

    name = sorted(there)[3]
    ours = Contact.objects.get(name=name)
    contacts.change_contact(ours, notes="Vegan")
    contacts.create_contact(
        venue, name="Noah Bennett", addresses=[("email", "noah@bennett.example")]
    )
    synced(book, times=2)

    there = theirs(harness)
    assert there[name].notes == "Vegan"
    assert there["Noah Bennett"].emails == ("noah@bennett.example",)
    assert len(there) == Contact.objects.count()
    before = list(Contact.objects.order_by("pk").values())
    synced(book)
    assert list(Contact.objects.order_by("pk").values()) == before


def test_faults_on_the_way_cost_two_polls_at_most(
    harness: VendorHarness,
    book: ContactBook,
    venue: Organization,
) -> None:
    harness.adds_people(20)
    synced(book)
    harness.fault(status={"status": 503, "mode": "after", "chance": 0.2})
    for number in range(5):
        contacts.create_contact(
            venue,
            name=f"Own {number} Person",
            addresses=[("email", f"own-{number}@bennett.example")],
        )
    synced(book)
    harness.no_faults()

    synced(book, times=2)

    assert book.error == ""
    names = [person.name for person in theirs(harness).values()]
    assert sorted(names) == sorted(Contact.objects.values_list("name", flat=True))
    assert len(names) == len(set(names))


def test_what_is_wider_there_is_not_written_back_shorter(
    harness: VendorHarness, book: ContactBook, venue: Organization
) -> None:
    wide = {"company": f"{'Petal & Stem ' * 20}Ltd", "notes": f"{'Lilies, no roses. ' * 1300}End"}
    harness.adds_person(name="Ada Bell", emails=["ada@example.com"], **wide)
    synced(book)
    ada = Contact.objects.get(organization=venue, addresses__value="ada@example.com")
    assert (len(ada.company), len(ada.notes)) < (201, 20_001)
    contacts.change_contact(ada, name="Ada King", family_name="King")
    synced(book, 2)
    found = theirs(harness)["Ada King"]
    assert (found.company, found.notes) == (wide["company"], wide["notes"])
    contacts.change_contact(ada, company="King Ltd")
    synced(book)
    found = theirs(harness)["Ada King"]
    assert (found.company, found.notes) == ("King Ltd", wide["notes"])
