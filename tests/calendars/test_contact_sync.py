"""Their contacts and ours become the same, and nothing is lost or made twice on the way."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from calendars.contacts import (
    books,
    sync,
)
from calendars.mailbox import grants
from calendars.models import Account, ContactBook, ContactConflict, ContactLink
from calendars.models.people import QuarantineDecision
from calendars.providers import registry
from communications.book import (
    contacts,
    erasure,
    merging,
    unmerge,
)
from communications.composing.compose import compose
from communications.composing.drafts import Draft
from communications.errors import NotPossible
from communications.models import Contact, ContactChange, Organization, Pair
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.calendars import rows
from tests.calendars.paper_people import PaperBook
from wedsync_comms.lib.errors import TransientError

pytestmark = pytest.mark.django_db


@pytest.fixture
def paper(settings: Settings) -> PaperBook:
    settings.CALENDARS = {
        "paper": {"BACKEND": "tests.calendars.paper_people.PaperBook", "OPTIONS": {}},
    }
    found = registry.configured_vendor("paper")
    assert isinstance(found, PaperBook)
    return found


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


def linked(venue: Organization, paper: PaperBook, **options: Any) -> ContactBook:
    grant = paper.grant()
    account = rows.account(
        venue,
        vendor="paper",
        grant=grants.seal_grant(grant),
        scopes=list(grant.scopes),
    )
    return books.follow_book(account, **{"direction": "both", **options})


@pytest.fixture
def book(venue: Organization, paper: PaperBook) -> ContactBook:
    return linked(venue, paper)


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


def test_their_contacts_arrive_with_what_they_hold(book: ContactBook, paper: PaperBook) -> None:
    paper.add(
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
    assert paper.writes == 0


def test_ours_arrive_there_once(book: ContactBook, paper: PaperBook, venue: Organization) -> None:
    person(venue, "Noah Bennett", ("email", "noah@example.com"), notes="Photographer")
    contacts.find_or_create_contact(venue, channel="email", value="stranger@example.com")

    synced(book, times=3)

    (noah,) = paper.people.values()
    assert (noah.name, noah.emails, noah.notes) == (
        "Noah Bennett",
        ("noah@example.com",),
        "Photographer",
    )
    assert paper.writes == 1


def test_the_second_run_writes_nothing(
    book: ContactBook,
    paper: PaperBook,
    venue: Organization,
) -> None:
    for number in range(60):
        paper.add(f"Guest {number} Known", emails=(f"guest-{number}@example.com",))
        person(venue, f"Own {number} Person", ("email", f"own-{number}@example.com"))
    synced(book)
    before = everything()

    synced(book, times=2)

    assert everything() == before
    assert (paper.writes, len(paper.people)) == (60, 120)


def everything() -> Any:
    models = (Contact, ContactChange, ContactLink, Pair)
    return [list(model._base_manager.order_by("pk").values()) for model in models]


def test_both_see_what_the_other_changed(book: ContactBook, paper: PaperBook) -> None:
    amelia = paper.add("Amelia Hart", emails=("amelia@hart.example",), notes="Vegan")
    synced(book)
    ours = Contact.objects.get()

    contacts.change_contact(ours, company="Hart Ltd")
    paper.change(amelia.id, notes="Vegetarian", phones=("+447700900101",))
    synced(book, times=2)

    ours.refresh_from_db()
    theirs = paper.people[amelia.id]
    assert (ours.company, ours.notes) == ("Hart Ltd", "Vegetarian")
    assert (theirs.company, theirs.notes) == ("Hart Ltd", "Vegetarian")
    assert values(ours) == {"amelia@hart.example", "+447700900101"}


def test_what_cannot_be_read_stays_with_them(book: ContactBook, paper: PaperBook) -> None:
    amelia = paper.add("Amelia Hart", phones=("ask Theo", "07700 900101"))
    synced(book)

    contacts.change_contact(Contact.objects.get(), addresses=[("sms", "+447700900102")])
    synced(book)

    assert paper.people[amelia.id].phones == ("ask Theo", "+447700900102")


@pytest.mark.parametrize("direction", ["read", "write"])
def test_a_direction_is_kept_to(
    venue: Organization,
    paper: PaperBook,
    direction: str,
) -> None:
    book = linked(venue, paper, direction=direction)
    paper.add("Amelia Hart", emails=("amelia@hart.example",))
    person(venue, "Noah Bennett", ("email", "noah@example.com"))

    synced(book, times=2)

    assert Contact.objects.count() == (2 if direction == "read" else 1)
    assert len(paper.people) == (1 if direction == "read" else 2)


def test_only_the_chosen_groups_are_read(venue: Organization, paper: PaperBook) -> None:
    book = linked(venue, paper, groups=["friends"])
    paper.add("Amelia Hart", emails=("amelia@hart.example",), groups=("friends",))
    paper.add("Somebody Else", emails=("else@example.com",), groups=("vips",))
    person(venue, "Noah Bennett", ("email", "noah@example.com"))

    synced(book, times=2)

    assert set(Contact.objects.values_list("name", flat=True)) == {"Amelia Hart", "Noah Bennett"}
    assert [one.groups for one in paper.people.values() if one.key] == [("friends",)]


# --- who is who ---


def test_one_we_know_is_linked_and_each_gets_what_it_lacks(
    book: ContactBook,
    paper: PaperBook,
    venue: Organization,
) -> None:
    liz = person(venue, "Liz Hart", ("email", "liz@hart.example"), notes="Vegan")
    there = paper.add("Elizabeth Hart", emails=("LIZ@hart.example",), phones=("07700900101",))

    synced(book, times=2)

    assert Contact.objects.get() == liz
    assert values(liz) == {"liz@hart.example", "+447700900101"}
    theirs = paper.people[there.id]
    assert (theirs.name, theirs.notes, len(paper.people)) == ("Elizabeth Hart", "Vegan", 1)


def test_one_with_another_name_is_for_a_person_to_judge(
    book: ContactBook,
    paper: PaperBook,
    venue: Organization,
) -> None:
    anna = person(venue, "Anna Weber", ("sms", "+447700900101"))
    there = paper.add("Bernd Weber", phones=("+447700900101",), emails=("bernd@example.com",))

    synced(book, times=3)

    bernd = Contact.objects.get(name="Bernd Weber")
    assert (values(anna), values(bernd)) == ({"+447700900101"}, {"bernd@example.com"})
    assert (Pair.objects.get().one, Pair.objects.get().other) == (anna, bernd)
    # The number that is Anna's here stays Bernd's there.
    assert paper.people[there.id].phones == ("+447700900101",)


def test_a_merge_over_there_is_followed(book: ContactBook, paper: PaperBook) -> None:
    one = paper.add("Liz Hart", emails=("liz@hart.example",))
    other = paper.add("E. Hart", phones=("+447700900101",))
    synced(book)
    first = Contact.objects.get(name="Liz Hart")

    paper.fuse(one.id, other.id)
    synced(book, times=2)

    assert Contact.objects.get() == first
    assert values(first) == {"liz@hart.example", "+447700900101"}
    assert book.links.get().remote_id == one.id
    assert len(paper.people) == 1


def test_a_renamed_person_is_followed(book: ContactBook, paper: PaperBook) -> None:
    old = paper.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    contact = Contact.objects.get()

    paper.drop(old.id)
    paper.add("Liz Hart", emails=("liz@hart.example",), previous_ids=(old.id,))
    synced(book)

    assert Contact.objects.get() == contact
    assert book.links.get().remote_id != old.id


def test_a_merge_here_writes_one_and_deletes_neither(
    book: ContactBook,
    paper: PaperBook,
    venue: Organization,
) -> None:
    paper.add("Liz Hart", emails=("liz@hart.example",))
    paper.add("Elizabeth Hart", phones=("+447700900101",))
    synced(book)
    one, other = Contact.objects.order_by("pk")

    merge = merging.merge_contacts(one, other, by="olga")
    synced(book, times=2)
    assert len(paper.people) == 2

    unmerge.undo_merge(merge, by="olga")
    synced(book, times=2)
    assert len(paper.people) == 2
    assert Contact.objects.filter(organization=venue).count() == 2


def test_deleting_one_of_two_that_are_one_here_deletes_nothing(
    book: ContactBook,
    paper: PaperBook,
) -> None:
    paper.add("Liz Hart", emails=("liz@hart.example",))
    gone = paper.add("Elizabeth Hart", phones=("+447700900101",))
    synced(book)
    one, other = Contact.objects.order_by("pk")
    merging.merge_contacts(one, other, by="olga")
    synced(book)

    paper.drop(gone.id)
    synced(book, times=2)

    assert Contact.objects.get() == one
    assert len(paper.people) == 1


# --- deleting ---


def test_one_that_came_from_there_goes_with_it(book: ContactBook, paper: PaperBook) -> None:
    gone = paper.add("Liz Hart", emails=("liz@hart.example",))
    paper.add("Noah Bennett", emails=("noah@example.com",))
    synced(book)

    paper.drop(gone.id)
    synced(book, times=2)

    assert list(Contact.objects.values_list("name", flat=True)) == ["Noah Bennett"]
    assert len(paper.people) == 1


def test_one_with_a_life_of_its_own_stays_and_is_not_written_again(
    book: ContactBook,
    paper: PaperBook,
    venue: Organization,
) -> None:
    gone = paper.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    factories.message(venue, contact=Contact.objects.get().pk, to="")

    paper.drop(gone.id)
    synced(book, times=2)

    assert Contact.objects.get().name == "Liz Hart"
    assert paper.people == {}


def test_what_we_delete_goes_there_and_does_not_come_back(
    book: ContactBook,
    paper: PaperBook,
) -> None:
    paper.add("Liz Hart", emails=("liz@hart.example",))
    paper.add("Noah Bennett", emails=("noah@example.com",))
    synced(book)

    Contact.objects.get(name="Liz Hart").delete()
    synced(book, times=2)

    assert [one.name for one in paper.people.values()] == ["Noah Bennett"]
    assert Contact.objects.count() == 1


def test_what_we_delete_does_not_come_back_where_we_only_read(
    venue: Organization,
    paper: PaperBook,
) -> None:
    book = linked(venue, paper, direction="read")
    there = paper.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)

    Contact.objects.get().delete()
    paper.change(there.id, notes="Changed")
    synced(book)
    ContactBook.objects.update(cursors={})
    synced(book)

    assert not Contact.objects.exists()
    assert len(paper.people) == 1


def test_of_somebody_forgotten_nothing_stays_in_the_links(
    venue: Organization,
    paper: PaperBook,
) -> None:
    book = linked(venue, paper, direction="read")
    paper.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)

    erasure.erase_contact(Contact.objects.get(), by="olga")
    ContactBook.objects.update(cursors={})
    synced(book)

    link = book.links.get()
    assert (link.ours, link.theirs, link.raw) == ({}, {}, {})
    assert not Contact.everyone.exists()


def crowd(paper: PaperBook, count: int = 120) -> None:
    for number in range(count):
        paper.add(f"Guest {number} Known", emails=(f"guest-{number}@example.com",))


@pytest.mark.parametrize("fault", ["empty", "truncated"])
def test_an_empty_or_truncated_answer_deletes_nothing(
    book: ContactBook,
    paper: PaperBook,
    fault: str,
) -> None:
    crowd(paper)
    synced(book)
    ContactBook.objects.update(cursors={})

    paper.empty, paper.truncated = fault == "empty", 10 if fault == "truncated" else None
    synced(book, times=2)
    assert Contact.objects.count() == 120
    assert book.held_reason
    assert len(paper.people) == 120

    paper.empty, paper.truncated = False, None
    synced(book)
    assert (book.held_at, Contact.objects.count()) == (None, 120)


@pytest.mark.parametrize("missing", [1, 3, 24])
def test_a_few_that_were_cut_off_are_asked_for_before_they_are_believed_gone(
    book: ContactBook,
    paper: PaperBook,
    missing: int,
) -> None:
    crowd(paper)
    synced(book)
    gone = next(iter(paper.people))
    paper.drop(gone)
    ContactBook.objects.update(cursors={})

    paper.truncated = 119 - missing
    synced(book)
    assert Contact.objects.count() == (119 if missing < 24 else 120)
    assert book.cursors == {}

    paper.truncated = None
    synced(book, times=2)
    assert (Contact.objects.count(), len(paper.people), book.expiries) == (119, 119, 0)


@pytest.mark.parametrize("decision", list(QuarantineDecision))
def test_a_person_decides_about_many_that_are_gone(
    book: ContactBook,
    paper: PaperBook,
    decision: QuarantineDecision,
) -> None:
    crowd(paper, 30)
    synced(book)
    for name in list(paper.people)[:20]:
        paper.drop(name)
    synced(book, times=2)
    assert Contact.objects.count() == 30

    books.decide_quarantine(book, decision)
    synced(book, times=2)

    assert book.held_at is None
    assert Contact.objects.count() == (10 if decision == QuarantineDecision.DELETE else 30)
    assert len(paper.people) == 10


def test_many_deleted_here_are_held_as_well(book: ContactBook, paper: PaperBook) -> None:
    crowd(paper, 30)
    synced(book)

    Contact.objects.filter(name__startswith="Guest 1").delete()
    synced(book, times=2)
    assert len(paper.people) == 30
    assert "gone at once" in book.held_reason

    books.decide_quarantine(book, QuarantineDecision.DELETE)
    synced(book)
    assert len(paper.people) == Contact.objects.count()


def test_nothing_is_held_where_nobody_decided(book: ContactBook) -> None:
    with pytest.raises(NotPossible):
        books.decide_quarantine(book, QuarantineDecision.DELETE)


# --- what vendors do ---


def test_an_expired_cursor_is_read_from_the_start(book: ContactBook, paper: PaperBook) -> None:
    kept = paper.add("Liz Hart", emails=("liz@hart.example",))
    gone = paper.add("Noah Bennett", emails=("noah@example.com",))
    synced(book)
    paper.drop(gone.id)
    paper.change(kept.id, notes="Vegan")

    paper.forgets = True
    synced(book)

    assert Contact.objects.get().notes == "Vegan"
    assert book.expiries == 1


def test_an_old_version_shown_after_our_change_is_no_change(
    book: ContactBook,
    paper: PaperBook,
) -> None:
    there = paper.add("Liz Hart", emails=("liz@hart.example",), notes="Before")
    synced(book)
    contacts.change_contact(Contact.objects.get(), notes="After")
    synced(book)
    writes = paper.writes

    paper.late = True
    synced(book, times=2)
    paper.late = False
    synced(book)

    assert Contact.objects.get().notes == "After"
    assert (paper.people[there.id].notes, paper.writes) == ("After", writes)


def test_what_was_just_made_and_is_not_shown_yet_is_not_gone(
    book: ContactBook,
    paper: PaperBook,
    venue: Organization,
) -> None:
    paper.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    person(venue, "Noah Bennett", ("email", "noah@example.com"))
    synced(book)

    made = next(one for one in paper.people.values() if one.key)
    shown = paper.people.pop(made.id)
    ContactBook.objects.update(cursors={})
    synced(book)
    paper.people[made.id] = shown

    assert Contact.objects.filter(name="Noah Bennett").exists()
    assert ContactLink.objects.living().count() == 2


def test_a_change_between_reading_and_writing_is_merged(
    book: ContactBook,
    paper: PaperBook,
) -> None:
    there = paper.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)
    contacts.change_contact(Contact.objects.get(), notes="Vegan")

    once = iter([True])

    def change() -> None:
        if next(once, False):
            paper.meanwhile = None
            paper.lost_before = 0.0

    paper.meanwhile = change
    paper.change(there.id, company="Hart Ltd")
    synced(book, times=2)

    ours = Contact.objects.get()
    assert (ours.notes, ours.company) == ("Vegan", "Hart Ltd")
    assert (paper.people[there.id].notes, paper.people[there.id].company) == ("Vegan", "Hart Ltd")


def test_a_failure_is_told_and_tried_again(book: ContactBook, paper: PaperBook) -> None:
    paper.add("Liz Hart", emails=("liz@hart.example",))
    paper.down = TransientError("503")
    synced(book)
    assert "503" in book.error

    paper.down = None
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


def test_progress_is_shown_and_it_can_be_stopped(book: ContactBook, paper: PaperBook) -> None:
    crowd(paper, 120)
    seen: list[tuple[str, int, int | None]] = []

    def look() -> None:
        row = ContactBook.objects.get(pk=book.pk)
        seen.append((row.stage, row.done, row.total))
        if row.done >= 100:
            books.cancel_sync(row)

    paper.meanwhile = look
    synced(book)

    assert seen == [("reading", 0, None), ("reading", 50, 120), ("reading", 100, 120)]
    assert Contact.objects.count() == 100
    assert "Stopped" in book.error

    paper.meanwhile = None
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
    paper: PaperBook,
    policy: str,
    expected: str,
) -> None:
    book = linked(venue, paper, policy=policy)
    there = paper.add("Liz Hart", emails=("liz@hart.example",), notes="Before")
    synced(book)
    ours = Contact.objects.get()
    contacts.change_contact(ours, notes="Ours")
    paper.change(there.id, notes="Theirs")

    synced(book, times=2)

    ours.refresh_from_db()
    assert (ours.notes, paper.people[there.id].notes) == (expected, expected)
    told = [(row.before, row.after) for row in ContactChange.objects.filter(field="notes")]
    assert {value for pair in told for value in pair} >= {"Ours", "Theirs"}


@pytest.mark.parametrize(("winner", "expected"), [("ours", "Ours"), ("theirs", "Theirs")])
def test_a_person_is_asked(
    venue: Organization,
    paper: PaperBook,
    winner: str,
    expected: str,
) -> None:
    book = linked(venue, paper, policy="ask")
    there = paper.add("Liz Hart", emails=("liz@hart.example",), notes="Before")
    synced(book)
    ours = Contact.objects.get()
    contacts.change_contact(ours, notes="Ours")
    paper.change(there.id, notes="Theirs", company="Hart Ltd")

    synced(book, times=3)
    ours.refresh_from_db()
    assert (ours.notes, ours.company) == ("Ours", "Hart Ltd")
    assert paper.people[there.id].notes == "Theirs"
    conflict = ContactConflict.objects.get()

    books.resolve_contact_conflict(conflict, winner, by="olga")
    with pytest.raises(NotPossible):
        books.resolve_contact_conflict(conflict, winner, by="olga")
    synced(book, times=2)

    ours.refresh_from_db()
    assert (ours.notes, paper.people[there.id].notes) == (expected, expected)


def test_an_opt_out_survives(book: ContactBook, paper: PaperBook, venue: Organization) -> None:
    suppressions.suppress(venue, channel="email", value="liz@hart.example", reason=Reason.OPT_OUT)
    there = paper.add("Liz Hart", emails=("LIZ@hart.example",))
    synced(book)
    paper.drop(there.id)
    synced(book)
    paper.add("Liz Hart", emails=("liz@hart.example",))
    synced(book)

    draft = Draft(channel="email", to="liz@hart.example", subject="Hi", body="Hello")
    assert compose(venue, draft).message.status == Status.SUPPRESSED


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
    paper: PaperBook,
    edits: list[tuple[str, int, str, int]],
    faults: bool,  # noqa: FBT001
    seed: int,
) -> None:
    venue = factories.organization()
    book = linked(venue, paper)
    paper.people.clear()
    paper.journal.clear()
    paper.chance.seed(seed)
    paper.lost_before = paper.lost_after = 0.0
    made = [(f"Guest {n} Known", f"g{n}-{venue.pk}@example.com") for n in range(4)]
    people = [paper.add(name, emails=(email,)) for name, email in made]
    synced(book)
    paper.lost_before = paper.lost_after = 0.1 if faults else 0.0
    for side, number, what, value in edits:
        if what == "sync":
            synced(book)
        elif side == "ours":
            edit_ours(venue, number, what, value)
        else:
            phones = (f"+4477009{number}{value:04}",)
            paper.change(people[number].id, **{what: phones if what == "phones" else f"t{value}"})
    paper.lost_before = paper.lost_after = 0.0

    synced(book, times=2)

    assert ours_of(venue) == theirs_of(paper)
    writes = paper.writes
    before = everything()
    synced(book)
    assert (paper.writes, everything()) == (writes, before)


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
        one.name: (one.notes, one.company, {a.value for a in one.addresses.all()}) for one in rows
    }


def theirs_of(paper: PaperBook) -> dict[str, Any]:
    return {
        one.name: (one.notes, one.company, {*one.emails, *one.phones})
        for one in paper.people.values()
    }
