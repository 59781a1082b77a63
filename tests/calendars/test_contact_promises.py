"""What holds whatever both sides do, in whatever order, on a line that fails: no change is lost,
and whoever refused our messages is not written to."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from calendars.models import ContactBook
from communications.book import (
    contacts,
    duplicates,
    merging,
    unmerge,
)
from communications.book.files import importing
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.models import Contact, ContactChange, Merge, Organization, Suppression
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.calendars.fake_contacts_vendor import FakeContactsVendor
from tests.calendars.test_contact_sync import contacts_vendor, linked, person, synced

__all__ = ["contacts_vendor"]

pytestmark = pytest.mark.django_db

SLOW = settings(
    max_examples=12,
    phases=(Phase.generate,),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def emptied(contacts_vendor: FakeContactsVendor, seed: int) -> None:
    """One world after the other in the same test."""
    contacts_vendor.people.clear()
    contacts_vendor.journal.clear()
    contacts_vendor.chance.seed(seed)
    contacts_vendor.lost_before = contacts_vendor.lost_after = 0.0


# --- both sides change ---

FIELDS = ("notes", "company", "given_name")
# By field: who changed it. The same field by both: the policy decides.
EDITS = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(["ours", "theirs", "both"]))


@SLOW
@given(edits=EDITS, policy=st.sampled_from(["ours", "theirs", "newest"]), seed=st.integers(0, 999))
def test_of_two_changes_at_once_none_is_lost(
    contacts_vendor: FakeContactsVendor,
    edits: dict[str, str],
    policy: str,
    seed: int,
) -> None:
    venue = factories.organization()
    emptied(contacts_vendor, seed)
    book = linked(venue, contacts_vendor, policy=policy)
    there = contacts_vendor.add(
        "Liz Hart", given_name="Liz", family_name="Hart", notes="n", company="c"
    )
    synced(book)
    ours = Contact.objects.get(organization=venue)
    mine = {name: f"our {name}" for name, side in edits.items() if side != "theirs"}
    yours = {name: f"their {name}" for name, side in edits.items() if side != "ours"}
    changed(ours, mine)
    if yours:
        contacts_vendor.change(there.id, **yours)

    # A fifth of all calls fail, before or after they took effect.
    contacts_vendor.lost_before = contacts_vendor.lost_after = 0.1
    synced(book, times=3)
    contacts_vendor.lost_before = contacts_vendor.lost_after = 0.0
    synced(book, times=2)

    ours.refresh_from_db()
    for name, side in edits.items():
        both = {getattr(ours, name), getattr(contacts_vendor.people[there.id], name)}
        right = {"ours": mine.get(name), "theirs": yours.get(name)}
        assert both == {right.get(side) or right.get(policy) or yours[name]}
        # What lost is in the history.
        assert {value for value in right.values() if value} <= told(ours)


def changed(contact: Contact, values: dict[str, Any]) -> None:
    if values:
        contacts.change_contact(contact, **values)


def told(contact: Contact) -> set[Any]:
    rows = ContactChange.objects.filter(contact=contact).values_list("before", "after")
    # The parts of a name stand together.
    lists = (value if isinstance(value, list) else [value] for row in rows for value in row)
    return {value for values in lists for value in values if isinstance(value, str)}


# --- opt-outs ---

NUMBER, MAIL = "+447700900101", "liz@hart.example"
FILE = f"Name,E-mail,Mobile\nLiz Hart,{MAIL.upper()},07700 900101\n"
STEPS = ("sync", "arrives", "leaves", "import", "duplicates", "merge", "undo", "delete")


@SLOW
@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=10), seed=st.integers(0, 99))
def test_an_opt_out_survives_whatever_happens_to_the_contact(
    contacts_vendor: FakeContactsVendor,
    steps: list[str],
    seed: int,
) -> None:
    venue = factories.organization()
    emptied(contacts_vendor, seed)
    book = linked(venue, contacts_vendor)
    person(venue, "Liz Hart", ("email", MAIL))
    person(venue, "Elizabeth Hart", ("sms", NUMBER), ("email", "e.hart@work.example"))
    for channel, value in (("email", MAIL), ("sms", NUMBER)):
        suppressions.suppress_address(venue, channel=channel, value=value, reason=Reason.OPT_OUT)

    for step in steps:
        take(step, venue, book, contacts_vendor)

    assert Suppression.objects.filter(organization=venue).in_force().count() == 2
    draft = Draft(channel="email", to=MAIL, subject="Hi", body="Hello")
    assert compose_message(venue, draft).message.status == Status.SUPPRESSED


def merge_two(venue: Organization) -> None:
    people = list(Contact.objects.filter(organization=venue).order_by("pk")[:2])
    if len(people) > 1:
        merging.merge_contacts(*people, by="olga", chosen={"name": people[1].pk})


def undo(venue: Organization) -> None:
    last = Merge.objects.filter(organization=venue, undone_at=None, gone__isnull=False).first()
    if last is not None:
        unmerge.undo_merge(last, by="olga")


def delete(venue: Organization) -> None:
    Contact.objects.filter(pk__in=Contact.objects.filter(organization=venue)[:1]).delete()


def take_file(venue: Organization) -> None:
    importing.confirm_import(
        importing.upload_file(venue, "a.csv", FILE.encode(), by="olga"), by="olga"
    )


HERE: dict[str, Callable[[Organization], object]] = {
    "import": take_file,
    "duplicates": duplicates.compare_pending,
    "merge": merge_two,
    "undo": undo,
    "delete": delete,
}


def take(
    step: str, venue: Organization, book: ContactBook, contacts_vendor: FakeContactsVendor
) -> None:
    if step in HERE:
        HERE[step](venue)
    elif step == "sync":
        synced(book)
    elif step == "arrives":
        contacts_vendor.add("Liz Hart", emails=(MAIL,), phones=("07700 900101",))
    elif contacts_vendor.people:
        contacts_vendor.drop(next(iter(contacts_vendor.people)))
