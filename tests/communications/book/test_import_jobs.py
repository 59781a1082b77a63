"""Large files: the worker looks at them and takes them, in parts, until somebody cancels it."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import DjangoCaptureOnCommitCallbacks

from communications import tasks
from communications.book import contacts, erasure
from communications.book.files import carrying_out, import_jobs, importing
from communications.book.files.planning import Planner
from communications.book.files.records import ContactRecord
from communications.errors import NotPossible
from communications.models import Contact, Import, Organization, Role
from tests import factories
from tests.communications.admin_pages import listed, logged_in, page_messages, plain_static, url

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

PEOPLE = 12


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(import_jobs, "PART", 5)
    monkeypatch.setattr(import_jobs, "PAUSE", timedelta())


@pytest.fixture
def organization() -> Organization:
    return factories.organization(region="GB")


@pytest.fixture
def client(organization: Organization) -> Client:
    return logged_in(factories.member(organization, Role.OWNER, username="olga"))


def table(people: int = PEOPLE) -> str:
    lines = [f"Guest {n},guest{n}@hart.example,07700 9001{n:02}" for n in range(people)]
    # The first comes twice, in different parts; the second has a cell that cannot be read.
    lines[1] = lines[1].replace("07700 900101", "n/a")
    return "\n".join(["Name,E-mail,Phone", *lines, lines[0], ",nobody,"]) + "\n"


def upload(client: Client) -> Import:
    file = SimpleUploadedFile("guests.csv", table().encode())
    client.post(listed(Import, "add"), {"file": file})
    return Import.objects.get()


def confirm(client: Client, row: Import) -> Any:
    return client.post(url(row, "confirm"), {"without_errors": "1"}, follow=True)


def test_the_worker_looks_at_a_large_file_and_takes_it(
    client: Client,
    organization: Organization,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        row = upload(client)
    assert (row.state, row.total) == ("reading", PEOPLE + 2)
    assert OrmQ.objects.count() == 1
    page = client.get(url(row)).content.decode()
    assert "0 of 14, 14 left" in page
    assert "Cancel" in page

    tasks.run_imports()
    page = client.get(url(row)).content.decode()
    assert "Take 13, leave out 1" in page
    assert "“n/a” is not a telephone number" in page
    assert not Contact.objects.exists()
    assert "1 rows cannot be taken" in page_messages(client.post(url(row, "confirm"), follow=True))

    with django_capture_on_commit_callbacks(execute=True):
        page = confirm(client, row).content.decode()
    assert "Importing: 0 of 14" in page
    assert not Contact.objects.exists()
    assert import_jobs.run_imports() == 3

    row.refresh_from_db()
    assert row.counts == {
        "create": 12,
        "update": 0,
        "nothing": 1,
        "review": 0,
        "error": 1,
        "cells": 1,
    }
    assert (row.state, row.content, row.position) == ("done", "", 14)
    assert Contact.objects.filter(organization=organization).count() == PEOPLE
    assert Contact.objects.earliest("pk").changes.get().by == "olga: guests.csv"
    page = client.get(url(row)).content.decode()
    assert "What was left out" in page
    assert "“n/a” is not a telephone number" in page
    assert "“nobody” is not an e-mail" in client.get(url(row, "errors")).content.decode()
    assert import_jobs.run_imports() == 0


def waiting(client: Client) -> Import:
    row = upload(client)
    import_jobs.run_imports()
    return row


def test_who_was_taken_before_somebody_cancels_stays_and_the_rest_comes_with_the_next(
    client: Client, organization: Organization
) -> None:
    row = waiting(client)
    confirm(client, row)
    row.refresh_from_db()
    assert import_jobs.take_part(row, importing.numbered_sources(row))
    assert "5 of 14, 9 left" in client.get(url(row, "progress")).content.decode()

    page = client.post(url(row, "discard"), follow=True).content.decode()

    assert "Cancelled" in page
    assert "“n/a” is not a telephone number" in page
    # It was not come to.
    assert "“nobody” is not an e-mail" not in page
    assert "5 new, 1 cell left out" in page
    assert import_jobs.run_imports() == 0
    assert Contact.objects.filter(organization=organization).count() == 5
    again = importing.upload_file(organization, "guests.csv", table().encode(), by="olga")
    counts = importing.confirm_import(again, by="olga", without_errors=True)
    assert (counts["create"], counts["nothing"]) == (7, 6)


def test_a_card_that_a_cancelled_import_did_not_come_to_was_not_left_out(
    client: Client, organization: Organization
) -> None:
    names = [f"FN:Guest {n}\n" for n in range(5)] + ["NOTE:late\n"] * 2
    text = "".join(f"BEGIN:VCARD\n{name}END:VCARD\n" for name in names)
    row = importing.upload_file(organization, "guests.vcf", text.encode(), by="olga")
    import_jobs.run_imports()
    confirm(client, row)
    row.refresh_from_db()
    assert import_jobs.take_part(row, importing.numbered_sources(row))

    page = client.post(url(row, "discard"), follow=True).content.decode()

    assert "Cancelled" in page
    assert "What was left out" not in page
    row.refresh_from_db()
    assert row.findings
    assert row.findings["incomplete"] == []


def test_a_file_that_is_being_looked_at_can_be_thrown_away(client: Client) -> None:
    row = upload(client)
    client.post(url(row, "discard"))
    assert import_jobs.run_imports() == 0
    row.refresh_from_db()
    assert (row.state, row.content) == ("discarded", "")


def test_other_columns_have_a_large_file_looked_at_again(client: Client) -> None:
    row = waiting(client)
    client.post(url(row, "columns"), {"column-0": "name", "column-1": "", "column-2": "sms"})
    row.refresh_from_db()
    assert row.state == "reading"
    import_jobs.run_imports()
    row.refresh_from_db()
    assert row.findings
    assert row.findings["counts"]["error"] == 1
    assert row.mapping["E-mail"] == ""


def test_columns_that_come_after_the_confirmation_change_nothing(client: Client) -> None:
    stale = waiting(client)
    stale.refresh_from_db()
    confirm(client, stale)
    with pytest.raises(NotPossible, match="being imported already"):
        importing.choose_columns(stale, {"Name": "name"})
    row = Import.objects.get()
    assert (row.state, row.mapping["E-mail"]) == ("running", "email")


def test_a_worker_that_dies_in_a_part_takes_nobody_twice(
    client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = waiting(client)
    confirm(client, row)
    row.refresh_from_db()
    import_jobs.take_part(row, importing.numbered_sources(row))
    with monkeypatch.context() as patched:
        patched.setattr(carrying_out, "queue_pairs", die)
        Import.objects.update(leased_until=None)
        with pytest.raises(SystemExit):
            import_jobs.run_imports()
    # Another waits until its lease is over.
    assert import_jobs.run_imports() == 0
    Import.objects.update(leased_until=timezone.now())
    assert import_jobs.run_imports() == 2
    assert Contact.objects.filter(organization=organization).count() == PEOPLE


def die(*_: object) -> None:
    raise SystemExit


def test_what_workers_never_end_is_given_up_and_says_so(client: Client) -> None:
    row = upload(client)
    Import.objects.update(attempts=import_jobs.MAX_ATTEMPTS)
    import_jobs.run_imports()
    assert "Stopped by an error" in client.get(url(row)).content.decode()


def test_a_person_who_cannot_be_stored_costs_none_of_the_others(
    client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody took an address between our plan and its end, say."""
    create = carrying_out.create_contacts

    def refusing(*args: Any) -> None:
        if any(draft.facts["name"] == "Guest 7" for draft in args[1]):
            raise ValueError
        create(*args)

    monkeypatch.setattr(carrying_out, "create_contacts", refusing)
    row = waiting(client)
    confirm(client, row)
    books: list[Organization] = []
    remember = Planner.__init__

    def counting(planner: Planner, book: Organization, *records: Any) -> None:
        books.append(book)
        remember(planner, book, *records)

    monkeypatch.setattr(Planner, "__init__", counting)
    import_jobs.run_imports()
    row.refresh_from_db()
    assert (row.state, row.counts["create"], row.counts["error"]) == ("done", 11, 2)
    # The book is read once for a part, and not for each half of one that fails.
    assert len(books) == 3
    page = client.get(url(row)).content.decode()
    assert "Guest 7" in page
    assert "It could not be stored." in page
    assert row.findings
    assert [9, "Guest 7", "It could not be stored."] in row.findings["incomplete"]
    assert "Guest 7" in client.get(url(row, "errors")).content.decode()
    assert not Contact.objects.filter(name="Guest 7").exists()
    assert Contact.objects.filter(organization=organization).count() == 11


def test_a_contact_has_no_room_for_more_than_it_may_hold(organization: Organization) -> None:
    full = [("email", f"a{n}@hart.example") for n in range(contacts.MAX_ADDRESSES)]
    contacts.create_contact(
        organization, name="Amelia Hart", addresses=full, weddings=[f"W{n}" for n in range(30)]
    )
    text = "Name,E-mail,Phone,Wedding\nAmelia Hart,a1@hart.example,07700 900101,Hart 2027\n"
    row = importing.upload_file(organization, "one.csv", text.encode(), by="olga")
    assert importing.confirm_import(row, by="olga")["cells"] == 2


def test_what_was_left_out_is_forgotten_after_some_days(client: Client) -> None:
    row = waiting(client)
    confirm(client, row)
    import_jobs.run_imports()
    Import.objects.update(finished_at=timezone.now() - 2 * importing.KEPT)
    importing.forget_contents()
    row.refresh_from_db()
    assert (row.state, row.findings) == ("done", None)
    assert client.get(url(row, "errors")).status_code == 404


@pytest.mark.parametrize("name", ["Guest 1", 'Anna "Nan" Weber', "Back\\slash"])
def test_who_is_forgotten_is_in_no_list_of_what_was_left_out(
    organization: Organization, name: str
) -> None:
    contact = contacts.create_contact(organization, name=name, addresses=[])
    findings = {"lines": [], "incomplete": [[2, name, "“n/a” is no number."]]}
    row = Import.objects.create(
        organization=organization, finished_at=timezone.now(), findings=findings
    )
    other = Import.objects.create(
        organization=organization, finished_at=timezone.now(), findings={"incomplete": [[2, "Tom"]]}
    )
    erasure.erase_contact(contact, by="olga")
    row.refresh_from_db()
    other.refresh_from_db()
    assert row.findings is None
    assert other.findings


def test_between_two_parts_others_may_write_and_cancel(
    client: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nobody else writes during a part."""
    row = waiting(client)
    confirm(client, row)
    pauses: list[float] = []

    def cancelling(seconds: float) -> None:
        pauses.append(seconds)
        client.post(url(row, "discard"))

    monkeypatch.setattr(import_jobs, "PAUSE", timedelta(milliseconds=200))
    monkeypatch.setattr("time.sleep", cancelling)

    assert import_jobs.run_imports() == 1

    assert pauses == [0.2]
    row.refresh_from_db()
    assert row.state == "cancelled"
    assert Contact.objects.filter(organization=organization).count() == 5


def test_a_part_loads_only_who_may_be_in_it(
    organization: Organization,
) -> None:
    for name, address in [
        ("Amelia Hart", "amelia@hart.example"),
        ("Dr Nöah Bennett", "noah@bennett.example"),
        ("Ivy Marsh", "+41786000000"),
        ("Tom Stone", "tom@stone.example"),
    ]:
        contacts.create_contact(
            organization, name=name, addresses=[("email" if "@" in address else "sms", address)]
        )
    text = "Name,E-mail,Phone\nHart,amelia@hart.example,\nDr Noah Bennett,,\nI.,,+41786000000\n"
    row = importing.upload_file(organization, "three.csv", text.encode(), by="olga")
    read = importing.read_rows(row, importing.numbered_sources(row))
    records = [record for _, record in read if isinstance(record, ContactRecord)]

    planner = Planner(organization, records)

    known = {draft.facts["name"] for drafts in planner.named.values() for draft in drafts}
    assert known == {"Amelia Hart", "Dr Nöah Bennett", "Ivy Marsh"}
