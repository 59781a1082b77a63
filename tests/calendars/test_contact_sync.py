"""Their contacts and ours become the same, and nothing is lost or made twice on the way."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError
from django.utils import timezone
from django.utils.html import escape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from calendars.contacts import (
    apply,
    books,
    sync,
)
from calendars.mailbox import grants
from calendars.models import Account, ContactBook, ContactConflict, ContactLink
from calendars.models.people import QuarantineDecision
from calendars.providers import registry
from calendars.vocabulary.events import RemotePerson
from communications.book import (
    contacts,
    erasure,
    merging,
    unmerge,
)
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.errors import NotPossible
from communications.models import Contact, ContactChange, Organization, Pair, Role
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_contacts_vendor import FakeContactsVendor
from tests.communications.admin_pages import logged_in, plain_static, url
from wedsync_comms.lib.errors import TransientError

__all__ = ["plain_static"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def contacts_vendor(settings: Settings) -> FakeContactsVendor:
    settings.CALENDARS = {
        "fake": {
            "BACKEND": "tests.calendars.fake_contacts_vendor.FakeContactsVendor",
            "OPTIONS": {},
        },
    }
    found = registry.configured_vendor("fake")
    assert isinstance(found, FakeContactsVendor)
    return found


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


def linked(venue: Organization, contacts_vendor: FakeContactsVendor, **options: Any) -> ContactBook:
    grant = contacts_vendor.grant()
    account = rows.account(
        venue,
        vendor="fake",
        grant=grants.seal_grant(grant),
        scopes=list(grant.scopes),
    )
    return books.follow_book(account, **{"direction": "both", **options})


@pytest.fixture
def book(venue: Organization, contacts_vendor: FakeContactsVendor) -> ContactBook:
    return linked(venue, contacts_vendor)


def synced(book: ContactBook, times: int = 1) -> ContactBook:
    for _ in range(times):
        Account.objects.update(retry_at=None)
        assert sync.sync_book(book.pk)
    book.refresh_from_db()
    return book


def person(venue: Organization, name: str, *addresses: tuple[str, str], **facts: Any) -> Contact:
    return contacts.create_contact(venue, name=name, addresses=addresses, **facts)


def values(contact: Contact) -> set[str]:
    return set(contact.addresses.values_list("value", flat=True))


# --- coming and going ---


def test_their_contacts_arrive_with_what_they_hold(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    contacts_vendor.add(
        "Amelia Hart",
        given_name="Amelia",
        family_name="Hart",
        emails=("Amelia@Hart.example",),
        phones=("07700 900101", "ask Theo"),
        company="Hart Ltd",
        notes="Vegan",
    )

    synced(book)

    amelia = Contact.objects.get()
    assert (amelia.name, amelia.given_name, amelia.company) == ("Amelia Hart", "Amelia", "Hart Ltd")
    assert values(amelia) == {"amelia@hart.example", "+447700900101"}
    assert amelia.changes.get().source == "sync"
    assert contacts_vendor.writes == 0


def test_ours_arrive_there_once(
    book: ContactBook, contacts_vendor: FakeContactsVendor, venue: Organization
) -> None:
    person(venue, "Noah Bennett", ("email", "noah@example.com"), notes="Photographer")
    contacts.find_or_create_contact(venue, channel="email", value="stranger@example.com")

    synced(book, times=3)

    (noah,) = contacts_vendor.people.values()
    assert (noah.name, noah.emails, noah.notes) == (
        "Noah Bennett",
        ("noah@example.com",),
        "Photographer",
    )
    assert contacts_vendor.writes == 1


def test_the_second_run_writes_nothing(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    venue: Organization,
) -> None:
    for number in range(60):
        contacts_vendor.add(f"Guest {number} Known", emails=(f"guest-{number}@example.com",))
        person(venue, f"Own {number} Person", ("email", f"own-{number}@example.com"))
    synced(book)
    before = everything()

    synced(book, times=2)

    assert everything() == before
    assert (contacts_vendor.writes, len(contacts_vendor.people)) == (60, 120)


def everything() -> Any:
    models = (Contact, ContactChange, ContactLink, Pair)
    return [list(model._base_manager.order_by("pk").values()) for model in models]


def test_both_see_what_the_other_changed(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    amelia = contacts_vendor.add("Amelia Hart", emails=("amelia@hart.example",), notes="Vegan")
    synced(book)
    ours = Contact.objects.get()

    contacts.change_contact(ours, company="Hart Ltd")
    contacts_vendor.change(amelia.id, notes="Vegetarian", phones=("+447700900101",))
    synced(book, times=2)

    ours.refresh_from_db()
    theirs = contacts_vendor.people[amelia.id]
    assert (ours.company, ours.notes) == ("Hart Ltd", "Vegetarian")
    assert (theirs.company, theirs.notes) == ("Hart Ltd", "Vegetarian")
    assert values(ours) == {"amelia@hart.example", "+447700900101"}


def test_what_cannot_be_read_stays_with_them(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    amelia = contacts_vendor.add("Amelia Hart", phones=("ask Theo", "07700 900101"))
    synced(book)

    contacts.change_contact(Contact.objects.get(), addresses=[("sms", "+447700900102")])
    synced(book)

    assert contacts_vendor.people[amelia.id].phones == ("ask Theo", "+447700900102")


def primaries(contact: Contact) -> dict[str, str]:
    rows = contact.addresses.filter(is_primary=True)
    return dict(rows.values_list("channel", "value"))


def test_the_vendors_order_chooses_the_address_and_not_the_alphabet(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    landline, fax, unknown, mobile = (
        "020 7946 0001",
        "020 7946 0002",
        "07700 900101",
        "07911 123456",
    )
    zoe = contacts_vendor.add(
        "Zoë Hart",
        emails=("zoe@private.example", "accounts@hart.example"),
        phones=(landline, fax, unknown, mobile),
        phone_kinds={fax: "fax", unknown: "cell"},
    )
    synced(book, times=2)

    ours = Contact.objects.get()
    # Of a landline nobody reads an SMS; both mobiles do, and one stands first.
    chosen = {"email": "zoe@private.example", "sms": "+447700900101"}
    assert primaries(ours) == chosen
    assert "+442079460002" not in values(ours)

    contacts_vendor.change(zoe.id, emails=("a@hart.example", *zoe.emails), notes="Vegan")
    contacts.change_contact(ours, company="Hart Ltd")
    synced(book, times=2)
    assert primaries(Contact.objects.get()) == chosen
    assert contacts_vendor.people[zoe.id].phones == (landline, fax, unknown, mobile)


def test_a_mobile_that_comes_later_takes_the_messages_of_a_landline(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    zoe = contacts_vendor.add("Zoë Hart", phones=("01865 270000",))
    synced(book)
    contacts_vendor.change(zoe.id, phones=("01865 270000", "07911 123456"))
    synced(book)
    assert primaries(Contact.objects.get()) == {"sms": "+447911123456"}


@pytest.mark.usefixtures("plain_static")
@pytest.mark.parametrize("phone", ["0170 1234567 Mobil", "1990", "020 7946 0001 x12", "*100#"])
def test_what_is_not_surely_a_number_stays_there_and_is_shown_here(
    book: ContactBook, contacts_vendor: FakeContactsVendor, phone: str
) -> None:
    zoe = contacts_vendor.add("Zoë Hart", emails=("zoe@hart.example",), phones=(phone,))
    synced(book)
    contacts.change_contact(Contact.objects.get(), company="Hart Ltd")
    synced(book)

    ours = Contact.objects.get()
    assert values(ours) == {"zoe@hart.example"}
    assert contacts_vendor.people[zoe.id].phones == (phone,)
    owner = factories.member(ours.organization, Role.OWNER)
    page = logged_in(owner).get(url(ours)).content.decode()
    assert escape(phone) in page
    assert "cannot be written to" in page


def test_two_people_behind_one_switchboard_stay_two(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    contacts_vendor.add("Anna", phones=("020 7946 0001 x1",))
    contacts_vendor.add("Anna Weber", phones=("020 7946 0001 x2",))
    synced(book)
    assert Contact.objects.count() == 2


def test_what_the_vendor_has_no_room_for_stays_here_and_later_changes_go_through(
    book: ContactBook, contacts_vendor: FakeContactsVendor, venue: Organization
) -> None:
    contacts_vendor.room = 3
    emails = [("email", f"{name}@hart.example") for name in ("z", "y", "x", "b", "a")]
    ours = person(venue, "Zoë Hart", *emails)
    synced(book, times=2)
    [there] = contacts_vendor.people.values()
    # The primary one, and those after it.
    assert there.emails == ("z@hart.example", "y@hart.example", "x@hart.example")

    contacts.change_contact(ours, company="Hart Ltd")
    contacts_vendor.change(there.id, notes="Vegan")
    synced(book, times=2)

    ours.refresh_from_db()
    assert (len(values(ours)), ours.notes) == (5, "Vegan")
    assert contacts_vendor.people[there.id].company == "Hart Ltd"
    writes = contacts_vendor.writes
    synced(book, times=2)
    assert contacts_vendor.writes == writes


def test_whom_the_vendor_refused_is_written_again_once_changed(
    book: ContactBook, contacts_vendor: FakeContactsVendor, venue: Organization
) -> None:
    contacts_vendor.refuses = lambda person: person.company == "Wrong"
    ours = person(venue, "Zoë Hart", ("email", "zoe@hart.example"), company="Wrong")
    synced(book, times=2)
    assert not contacts_vendor.people
    contacts.change_contact(ours, company="Hart Ltd")
    synced(book)
    assert [there.company for there in contacts_vendor.people.values()] == ["Hart Ltd"]


def test_a_person_with_more_addresses_than_we_hold_stops_nobody(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    emails = tuple(f"a{n}@hart.example" for n in range(60))
    zoe = contacts_vendor.add("Zoë Hart", emails=emails)
    contacts_vendor.add("Noah Bennett", emails=("noah@example.com",))
    synced(book, times=3)
    assert Contact.objects.count() == 2
    assert len(values(Contact.objects.get(name="Zoë Hart"))) == contacts.MAX_ADDRESSES
    assert contacts_vendor.people[zoe.id].emails == emails
    assert contacts_vendor.writes == 0


@pytest.mark.usefixtures("plain_static")
def test_a_person_who_cannot_be_taken_over_stops_nobody_and_is_tried_again(
    book: ContactBook, contacts_vendor: FakeContactsVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = apply.create_from_remote

    def refusing(of: ContactBook, there: RemotePerson, theirs: Any) -> Contact:
        if there.name == "Trouble":
            raise DataError("value too long for type character varying(200)")
        return create(of, there, theirs)

    contacts_vendor.add("Trouble", emails=("trouble@hart.example",))
    contacts_vendor.add("Noah Bennett", emails=("noah@example.com",))
    with monkeypatch.context() as patched:
        patched.setattr(apply, "create_from_remote", refusing)
        synced(book, times=2)
    assert [contact.name for contact in Contact.objects.all()] == ["Noah Bennett"]
    owner = factories.member(book.account.organization, Role.OWNER)
    page = logged_in(owner).get(url(book)).content.decode()
    assert "1 contact could not be taken over, and is asked for again" in page
    assert "Trouble: Something in it is too long to be kept." in page

    synced(book)
    assert Contact.objects.filter(name="Trouble").exists()
    assert book.unapplied == {}


@pytest.mark.parametrize("direction", ["read", "write"])
def test_a_direction_is_kept_to(
    venue: Organization,
    contacts_vendor: FakeContactsVendor,
    direction: str,
) -> None:
    book = linked(venue, contacts_vendor, direction=direction)
    contacts_vendor.add("Amelia Hart", emails=("amelia@hart.example",))
    person(venue, "Noah Bennett", ("email", "noah@example.com"))

    synced(book, times=2)

    assert Contact.objects.count() == (2 if direction == "read" else 1)
    assert len(contacts_vendor.people) == (1 if direction == "read" else 2)


def test_only_the_chosen_groups_are_read(
    venue: Organization, contacts_vendor: FakeContactsVendor
) -> None:
    book = linked(venue, contacts_vendor, groups=["friends"])
    contacts_vendor.add("Amelia Hart", emails=("amelia@hart.example",), groups=("friends",))
    contacts_vendor.add("Somebody Else", emails=("else@example.com",), groups=("vips",))
    person(venue, "Noah Bennett", ("email", "noah@example.com"))

    synced(book, times=2)

    assert set(Contact.objects.values_list("name", flat=True)) == {"Amelia Hart", "Noah Bennett"}
    assert [person.groups for person in contacts_vendor.people.values() if person.key] == [
        ("friends",)
    ]


# --- who is who ---


def test_one_we_know_is_linked_and_each_gets_what_it_lacks(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    venue: Organization,
) -> None:
    liz = person(venue, "Liz Hart", ("email", "liz@hart.example"), notes="Vegan")
    there = contacts_vendor.add(
        "Elizabeth Hart", emails=("LIZ@hart.example",), phones=("07700900101",)
    )

    synced(book, times=2)

    assert Contact.objects.get() == liz
    assert values(liz) == {"liz@hart.example", "+447700900101"}
    theirs = contacts_vendor.people[there.id]
    assert (theirs.name, theirs.notes, len(contacts_vendor.people)) == (
        "Elizabeth Hart",
        "Vegan",
        1,
    )


def test_one_with_another_name_is_for_a_person_to_judge(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    venue: Organization,
) -> None:
    anna = person(venue, "Anna Weber", ("sms", "+447700900101"))
    there = contacts_vendor.add(
        "Bernd Weber", phones=("+447700900101",), emails=("bernd@example.com",)
    )

    synced(book, times=3)

    bernd = Contact.objects.get(name="Bernd Weber")
    assert (values(anna), values(bernd)) == ({"+447700900101"}, {"bernd@example.com"})
    assert (Pair.objects.get().one, Pair.objects.get().other) == (anna, bernd)
    # The number that is Anna's here stays Bernd's there.
    assert contacts_vendor.people[there.id].phones == ("+447700900101",)


def test_a_merge_over_there_is_followed(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    kept = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    other = contacts_vendor.add("E. Hart", phones=("+447700900101",))
    synced(book)
    ours = Contact.objects.get(name="Liz Hart")

    contacts_vendor.merge_people(kept.id, other.id)
    synced(book, times=2)

    assert Contact.objects.get() == ours
    assert values(ours) == {"liz@hart.example", "+447700900101"}
    assert book.links.get().remote_id == kept.id
    assert len(contacts_vendor.people) == 1


def test_a_renamed_person_is_followed(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    old = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    contact = Contact.objects.get()

    contacts_vendor.drop(old.id)
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",), previous_ids=(old.id,))
    synced(book)

    assert Contact.objects.get() == contact
    assert book.links.get().remote_id != old.id


def test_a_merge_here_writes_one_and_deletes_neither(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    venue: Organization,
) -> None:
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    contacts_vendor.add("Elizabeth Hart", phones=("+447700900101",))
    synced(book)
    first, second = Contact.objects.order_by("pk")

    merge = merging.merge_contacts(first, second, by="olga")
    synced(book, times=2)
    assert len(contacts_vendor.people) == 2

    unmerge.undo_merge(merge, by="olga")
    synced(book, times=2)
    assert len(contacts_vendor.people) == 2
    assert Contact.objects.filter(organization=venue).count() == 2


def test_deleting_one_of_two_that_are_one_here_deletes_nothing(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
) -> None:
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    gone = contacts_vendor.add("Elizabeth Hart", phones=("+447700900101",))
    synced(book)
    first, second = Contact.objects.order_by("pk")
    merging.merge_contacts(first, second, by="olga")
    synced(book)

    contacts_vendor.drop(gone.id)
    synced(book, times=2)

    assert Contact.objects.get() == first
    assert len(contacts_vendor.people) == 1


# --- deleting ---


def test_one_that_came_from_there_goes_with_it(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    gone = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    contacts_vendor.add("Noah Bennett", emails=("noah@example.com",))
    synced(book)

    contacts_vendor.drop(gone.id)
    synced(book, times=2)

    assert list(Contact.objects.values_list("name", flat=True)) == ["Noah Bennett"]
    assert len(contacts_vendor.people) == 1


def test_one_with_a_life_of_its_own_stays_and_is_not_written_again(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    venue: Organization,
) -> None:
    gone = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    factories.message(venue, contact=Contact.objects.get().pk, to="")

    contacts_vendor.drop(gone.id)
    synced(book, times=2)

    assert Contact.objects.get().name == "Liz Hart"
    assert contacts_vendor.people == {}


def test_what_we_delete_goes_there_and_does_not_come_back(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
) -> None:
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    contacts_vendor.add("Noah Bennett", emails=("noah@example.com",))
    synced(book)

    Contact.objects.get(name="Liz Hart").delete()
    synced(book, times=2)

    assert [person.name for person in contacts_vendor.people.values()] == ["Noah Bennett"]
    assert Contact.objects.count() == 1


def test_what_we_delete_does_not_come_back_where_we_only_read(
    venue: Organization,
    contacts_vendor: FakeContactsVendor,
) -> None:
    book = linked(venue, contacts_vendor, direction="read")
    there = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)

    Contact.objects.get().delete()
    contacts_vendor.change(there.id, notes="Changed")
    synced(book)
    ContactBook.objects.update(cursors={})
    synced(book)

    assert not Contact.objects.exists()
    assert len(contacts_vendor.people) == 1


def test_of_somebody_forgotten_nothing_stays_in_the_links(
    venue: Organization,
    contacts_vendor: FakeContactsVendor,
) -> None:
    book = linked(venue, contacts_vendor, direction="read")
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)

    erasure.erase_contact(Contact.objects.get(), by="olga")
    ContactBook.objects.update(cursors={})
    synced(book)

    link = book.links.get()
    assert (link.ours, link.theirs, link.raw) == ({}, {}, {})
    assert not Contact.everyone.exists()


def generated_contacts(contacts_vendor: FakeContactsVendor, count: int = 120) -> None:
    for number in range(count):
        contacts_vendor.add(f"Guest {number} Known", emails=(f"guest-{number}@example.com",))


@pytest.mark.parametrize("fault", ["empty", "truncated"])
def test_an_empty_or_truncated_answer_deletes_nothing(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    fault: str,
) -> None:
    generated_contacts(contacts_vendor)
    synced(book)
    ContactBook.objects.update(cursors={})

    contacts_vendor.empty, contacts_vendor.truncated = (
        fault == "empty",
        10 if fault == "truncated" else None,
    )
    synced(book, times=2)
    assert Contact.objects.count() == 120
    assert book.held_reason
    assert len(contacts_vendor.people) == 120

    contacts_vendor.empty, contacts_vendor.truncated = False, None
    synced(book)
    assert (book.held_at, Contact.objects.count()) == (None, 120)


@pytest.mark.parametrize("missing", [1, 3, 24])
def test_a_few_that_were_cut_off_are_asked_for_before_they_are_believed_gone(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    missing: int,
) -> None:
    generated_contacts(contacts_vendor)
    synced(book)
    gone = next(iter(contacts_vendor.people))
    contacts_vendor.drop(gone)
    ContactBook.objects.update(cursors={})

    contacts_vendor.truncated = 119 - missing
    synced(book)
    assert Contact.objects.count() == (119 if missing < 24 else 120)
    assert book.cursors == {}

    contacts_vendor.truncated = None
    synced(book, times=2)
    assert (Contact.objects.count(), len(contacts_vendor.people), book.expiries) == (119, 119, 0)


@pytest.mark.parametrize("decision", list(QuarantineDecision))
def test_a_person_decides_about_many_that_are_gone(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    decision: QuarantineDecision,
) -> None:
    generated_contacts(contacts_vendor, 30)
    synced(book)
    for name in list(contacts_vendor.people)[:20]:
        contacts_vendor.drop(name)
    synced(book, times=2)
    assert Contact.objects.count() == 30

    books.decide_quarantine(book, decision)
    synced(book, times=2)

    assert book.held_at is None
    assert Contact.objects.count() == (10 if decision == QuarantineDecision.DELETE else 30)
    assert len(contacts_vendor.people) == 10


def test_many_deleted_here_are_held_as_well(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    generated_contacts(contacts_vendor, 30)
    synced(book)

    Contact.objects.filter(name__startswith="Guest 1").delete()
    synced(book, times=2)
    assert len(contacts_vendor.people) == 30
    assert "gone at once" in book.held_reason

    books.decide_quarantine(book, QuarantineDecision.DELETE)
    synced(book)
    assert len(contacts_vendor.people) == Contact.objects.count()


def test_nothing_is_held_where_nobody_decided(book: ContactBook) -> None:
    with pytest.raises(NotPossible):
        books.decide_quarantine(book, QuarantineDecision.DELETE)


# --- what vendors do ---


def test_an_expired_cursor_is_read_from_the_start(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    kept = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    gone = contacts_vendor.add("Noah Bennett", emails=("noah@example.com",))
    synced(book)
    contacts_vendor.drop(gone.id)
    contacts_vendor.change(kept.id, notes="Vegan")

    contacts_vendor.forgets = True
    synced(book)

    assert Contact.objects.get().notes == "Vegan"
    assert book.expiries == 1


def test_an_old_version_shown_after_our_change_is_no_change(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
) -> None:
    there = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",), notes="Before")
    synced(book)
    contacts.change_contact(Contact.objects.get(), notes="After")
    synced(book)
    writes = contacts_vendor.writes

    contacts_vendor.late = True
    synced(book, times=2)
    contacts_vendor.late = False
    synced(book)

    assert Contact.objects.get().notes == "After"
    assert (contacts_vendor.people[there.id].notes, contacts_vendor.writes) == ("After", writes)


def test_what_was_just_made_and_is_not_shown_yet_is_not_gone(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
    venue: Organization,
) -> None:
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    person(venue, "Noah Bennett", ("email", "noah@example.com"))
    synced(book)

    made = next(person for person in contacts_vendor.people.values() if person.key)
    shown = contacts_vendor.people.pop(made.id)
    ContactBook.objects.update(cursors={})
    synced(book)
    contacts_vendor.people[made.id] = shown

    assert Contact.objects.filter(name="Noah Bennett").exists()
    assert ContactLink.objects.living().count() == 2


def test_a_change_between_reading_and_writing_is_merged(
    book: ContactBook,
    contacts_vendor: FakeContactsVendor,
) -> None:
    there = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    contacts.change_contact(Contact.objects.get(), notes="Vegan")

    once = iter([True])

    def change() -> None:
        if next(once, False):
            contacts_vendor.before_page = None
            contacts_vendor.lost_before = 0.0

    contacts_vendor.before_page = change
    contacts_vendor.change(there.id, company="Hart Ltd")
    synced(book, times=2)

    ours = Contact.objects.get()
    assert (ours.notes, ours.company) == ("Vegan", "Hart Ltd")
    assert (contacts_vendor.people[there.id].notes, contacts_vendor.people[there.id].company) == (
        "Vegan",
        "Hart Ltd",
    )


def test_a_failure_is_told_and_tried_again(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    contacts_vendor.down = TransientError("503")
    synced(book)
    assert "503" in book.error

    contacts_vendor.down = None
    synced(book)
    assert (book.error, Contact.objects.count()) == ("", 1)


def test_two_at_once_are_one(book: ContactBook) -> None:
    ContactBook.objects.update(syncing_until=timezone.now() + timedelta(minutes=1))

    assert not sync.sync_book(book.pk)
    assert sync.due_books() == []


def test_it_is_due_by_time_and_when_announced(book: ContactBook) -> None:
    synced(book)
    assert sync.due_books() == []

    Account.objects.update(people_dirty=1)
    assert sync.due_books() == [book.pk]
    synced(book)
    assert sync.due_books() == []


# --- progress ---


def test_progress_is_shown_and_it_can_be_stopped(
    book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    generated_contacts(contacts_vendor, 120)
    progress: list[tuple[str, int, int | None]] = []

    def look() -> None:
        row = ContactBook.objects.get(pk=book.pk)
        progress.append((row.stage, row.done, row.total))
        if row.done >= 100:
            books.cancel_sync(row)

    contacts_vendor.before_page = look
    synced(book)

    assert progress == [("reading", 0, None), ("reading", 50, 120), ("reading", 100, 120)]
    assert Contact.objects.count() == 100
    assert "Stopped" in book.error

    contacts_vendor.before_page = None
    synced(book)
    assert Contact.objects.count() == 120
    with pytest.raises(NotPossible):
        books.cancel_sync(book)


# --- conflicts ---


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("ours", "Ours"), ("theirs", "Theirs"), ("newest", "Theirs")],
)
def test_the_policy_decides_and_what_lost_is_in_the_history(
    venue: Organization,
    contacts_vendor: FakeContactsVendor,
    policy: str,
    expected: str,
) -> None:
    book = linked(venue, contacts_vendor, policy=policy)
    there = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",), notes="Before")
    synced(book)
    ours = Contact.objects.get()
    contacts.change_contact(ours, notes="Ours")
    contacts_vendor.change(there.id, notes="Theirs")

    synced(book, times=2)

    ours.refresh_from_db()
    assert (ours.notes, contacts_vendor.people[there.id].notes) == (expected, expected)
    told = [(row.before, row.after) for row in ContactChange.objects.filter(field="notes")]
    assert {value for pair in told for value in pair} >= {"Ours", "Theirs"}


@pytest.mark.parametrize(("winner", "expected"), [("ours", "Ours"), ("theirs", "Theirs")])
def test_a_person_is_asked(
    venue: Organization,
    contacts_vendor: FakeContactsVendor,
    winner: str,
    expected: str,
) -> None:
    book = linked(venue, contacts_vendor, policy="ask")
    there = contacts_vendor.add("Liz Hart", emails=("liz@hart.example",), notes="Before")
    synced(book)
    ours = Contact.objects.get()
    contacts.change_contact(ours, notes="Ours")
    contacts_vendor.change(there.id, notes="Theirs", company="Hart Ltd")

    synced(book, times=3)
    ours.refresh_from_db()
    assert (ours.notes, ours.company) == ("Ours", "Hart Ltd")
    assert contacts_vendor.people[there.id].notes == "Theirs"
    conflict = ContactConflict.objects.get()

    books.resolve_contact_conflict(conflict, winner, by="olga")
    with pytest.raises(NotPossible):
        books.resolve_contact_conflict(conflict, winner, by="olga")
    synced(book, times=2)

    ours.refresh_from_db()
    assert (ours.notes, contacts_vendor.people[there.id].notes) == (expected, expected)


def test_an_opt_out_survives(
    book: ContactBook, contacts_vendor: FakeContactsVendor, venue: Organization
) -> None:
    suppressions.suppress_address(
        venue, channel="email", value="liz@hart.example", reason=Reason.OPT_OUT
    )
    there = contacts_vendor.add("Liz Hart", emails=("LIZ@hart.example",))
    synced(book)
    contacts_vendor.drop(there.id)
    synced(book)
    contacts_vendor.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)

    draft = Draft(channel="email", to="liz@hart.example", subject="Hi", body="Hello")
    assert compose_message(venue, draft).message.status == Status.SUPPRESSED


# --- anything, in any order ---

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["ours", "theirs"]),
        st.integers(0, 3),
        st.sampled_from(["notes", "company", "phones", "sync"]),
        st.integers(0, 9),
    ),
    max_size=12,
)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edits=EDITS, faults=st.booleans(), seed=st.integers(0, 99))
def test_whatever_both_sides_do_they_become_the_same(
    contacts_vendor: FakeContactsVendor,
    edits: list[tuple[str, int, str, int]],
    faults: bool,  # noqa: FBT001
    seed: int,
) -> None:
    venue = factories.organization()
    book = linked(venue, contacts_vendor)
    contacts_vendor.people.clear()
    contacts_vendor.journal.clear()
    contacts_vendor.chance.seed(seed)
    contacts_vendor.lost_before = contacts_vendor.lost_after = 0.0
    made = [(f"Guest {n} Known", f"g{n}-{venue.pk}@example.com") for n in range(4)]
    people = [contacts_vendor.add(name, emails=(email,)) for name, email in made]
    synced(book)
    contacts_vendor.lost_before = contacts_vendor.lost_after = 0.1 if faults else 0.0
    for side, number, what, value in edits:
        if what == "sync":
            synced(book)
        elif side == "ours":
            edit_ours(venue, number, what, value)
        else:
            phones = (f"+4477009{number}{value:04}",)
            contacts_vendor.change(
                people[number].id, **{what: phones if what == "phones" else f"t{value}"}
            )
    contacts_vendor.lost_before = contacts_vendor.lost_after = 0.0

    synced(book, times=2)

    assert ours_of(venue) == theirs_of(contacts_vendor)
    writes = contacts_vendor.writes
    before = everything()
    synced(book)
    assert (contacts_vendor.writes, everything()) == (writes, before)


def edit_ours(venue: Organization, number: int, what: str, value: int) -> None:
    contact = Contact.objects.get(organization=venue, name=f"Guest {number} Known")
    if what == "phones":
        email = contact.addresses.get(channel="email").value
        number_ = f"+4477019{number}{value:04}"
        contacts.change_contact(contact, addresses=[("email", email), ("sms", number_)])
    else:
        facts: dict[str, Any] = {what: f"o{value}"}
        contacts.change_contact(contact, **facts)


def ours_of(venue: Organization) -> dict[str, Any]:
    rows = Contact.objects.filter(organization=venue).prefetch_related("addresses")
    return {
        row.name: (row.notes, row.company, {address.value for address in row.addresses.all()})
        for row in rows
    }


def theirs_of(contacts_vendor: FakeContactsVendor) -> dict[str, Any]:
    return {
        person.name: (person.notes, person.company, {*person.emails, *person.phones})
        for person in contacts_vendor.people.values()
    }
