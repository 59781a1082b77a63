"""Five thousand contacts with five hundred known duplicates: how many are found, and how many
people are taken for somebody else."""

from collections import defaultdict
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from communications.book import (
    contacts,
    duplicates,
    search,
)
from communications.book.files import importing
from communications.models import Contact, ContactChange, Merge, Organization, Pair
from tests import factories
from tests.communications.book.crowd import Record, as_csv, crowd

pytestmark = pytest.mark.django_db

FOUND = 0.95


def taken(organization: Organization, records: list[Record]) -> None:
    row = importing.upload_file(organization, "crowd.csv", as_csv(records), by="olga")
    importing.confirm_import(row, by="olga")


def whereabouts(organization: Organization) -> dict[str, int]:
    """Record -> the contact it is in now."""
    rows = Contact.objects.filter(organization=organization).values_list("pk", "weddings")
    return {tag: pk for pk, tags in rows for tag in tags if tag.startswith("rec-")}


def written() -> tuple[Any, ...]:
    models = (Contact, ContactChange, Merge, Pair)
    return tuple(list(model._base_manager.order_by("pk").values()) for model in models)


def test_duplicates_are_found_and_nobody_is_taken_for_another() -> None:
    organization = factories.organization(region="DE")
    records = crowd()

    taken(organization, records)
    outcome = duplicates.compare_pending(organization)

    place = whereabouts(organization)
    assert len(place) == len(records)
    by_person, by_contact = defaultdict(set), defaultdict(set)
    for record in records:
        by_person[record.person].add(place[record.tag])
        by_contact[place[record.tag]].add(record.person)
    assert [people for people in by_contact.values() if len(people) > 1] == []
    twins = [record for record in records if record.number >= 4_500]
    queued = {frozenset(pair) for pair in Pair.objects.values_list("one_id", "other_id")}
    merged = [twin for twin in twins if len(by_person[twin.person]) == 1]
    waiting = [twin for twin in twins if frozenset(by_person[twin.person]) in queued]
    assert len(merged) + len(waiting) >= FOUND * len(twins)
    # Families behind one telephone are asked about as well; hardly anybody else is.
    assert len(queued) <= len(waiting) + 2 * 90
    assert outcome.compared >= 4_500

    before = written()
    with CaptureQueriesContext(connection) as asked:
        again = duplicates.compare_pending(organization)
    assert (again.compared, again.merged, again.queued) == (0, 0, 0)
    assert written() == before
    assert len(asked) == 1


def test_the_same_file_again_changes_nothing() -> None:
    organization = factories.organization(region="DE")
    records = crowd(people=300, twice=40)
    taken(organization, records)
    duplicates.compare_pending(organization)
    before = written()

    row = importing.upload_file(organization, "again.csv", as_csv(records), by="olga")
    counts = importing.confirm_import(row, by="olga")
    duplicates.compare_pending(organization)

    assert (counts["create"], counts["update"], counts["error"]) == (0, 0, 0)
    assert written() == before


@pytest.mark.parametrize(
    "query",
    ["mueller", "Müller", "MULLER", "0170 1000007", "+49 (0)170 1000007", "1000007"],
)
def test_a_search_forgives(query: str) -> None:
    organization = factories.organization(region="DE")
    made = contacts.create_contact(
        organization,
        name="Jürgen Müller",
        addresses=[("sms", "+49 170 1000007")],
    )

    assert list(search.search_contacts(Contact.objects.all(), query)) == [made]
