"""Files as Google, Outlook, iCloud, Android and spreadsheets write them, through the admin's pages.

`samples/` holds one small file a source, made by hand: names are invented, numbers are those kept
for films where a country has such.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from communications.models import Address, Contact, Import, Organization, Role
from tests import factories
from tests.communications.admin_pages import listed, logged_in, plain_static, url

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

SAMPLES = Path(__file__).parent / "samples"


class Expected(NamedTuple):
    """What an import makes of a file: who, with which addresses, the primary ones first."""

    people: dict[str, list[str]]
    # Parts of the sentences about cells that are left out, in the order of the file.
    cells: tuple[str, ...] = ()
    errors: int = 0
    region: str = "GB"
    # Further facts of the first person.
    facts: dict[str, Any] = {}


WORK_OF_AMELIA = "a.hart@work.example"
EXPECTED = {
    "google_until_2024.csv": Expected(
        {
            "Amelia Hart": [
                WORK_OF_AMELIA,
                "+447700900101",
                "amelia@work.example",
                "amelia@hart.example",
            ],
            "Noah Bennett": ["+447700900102", "+447700900103", "+442079460002"],
        },
        cells=("is a fax or a pager",),
        facts={"weddings": ["Hart 2027"], "company": "Hart Ltd", "notes": "Vegan"},
    ),
    "google.csv": Expected(
        {
            "Amelia Hart": ["amelia@hart.example", "+447700900101"],
            "Fleur & Stem": ["orders@fleur.example", "+442079460003"],
            "+447700900104": ["+447700900104"],
        },
        cells=("is a fax or a pager",),
        facts={"weddings": ["Hart 2027"], "notes": "Vegan, and late"},
    ),
    "outlook_english.csv": Expected(
        {
            "Amelia Hart": [
                "+447700900101",
                "amelia@hart.example",
                "+442079460002",
                "+442079460003",
                WORK_OF_AMELIA,
            ],
            "Noah Bennett": ["noah@bennett.example"],
        },
        cells=("“English” is no language", "“n/a” is not a telephone number"),
        facts={"weddings": ["Hart 2027", "Suppliers"], "notes": 'Likes "peonies"\r\nand lilies'},
    ),
    "outlook_german.csv": Expected(
        {
            "Jürgen Groß": ["+4915123456789", "j.gross@example.com", "+4930901820"],
            "Änne Weiß": ["aenne@example.com"],
        },
        cells=("“0170 1234567 Mobil” has words in it",),
        region="DE",
        facts={"company": "Blumen Groß", "language": "de", "notes": "Ruft zurück"},
    ),
    "outlook_french.csv": Expected(
        {"Zoé Lefèvre": ["+33639980003", "zoe@fleurs.example", "+33199000002"]},
        region="FR",
        facts={"company": "Fleurs d'Or", "weddings": ["Mariage Hart"], "family_name": "Lefèvre"},
    ),
    "outlook_spanish.csv": Expected(
        {"Iñaki Muñoz Pérez": ["+34612345603", "inaki@flores.example", "+34912345602"]},
        region="ES",
        facts={"given_name": "Iñaki", "company": "Flores", "notes": "Llamar tarde"},
    ),
    "outlook_italian.csv": Expected(
        {"Nicolò D'Angelo": ["+393471234563", "nicolo@fiori.example", "+390212345602"]},
        region="IT",
        facts={"given_name": "Nicolò", "weddings": ["Matrimonio Hart"]},
    ),
    "excel_sep.csv": Expected(
        {
            "Amelia Hart": ["amelia@hart.example", "+447700900101"],
            "Noah Bennett": ["noah@bennett.example"],
            "Ivy Marsh": [],
        },
        cells=("“1990” is", "“-” is not an e-mail", "“2025-01-05” looks like a date"),
        facts={"notes": "Vegan\nTable is 20'-0\" long"},
    ),
    "spreadsheet.csv": Expected(
        {
            "Amelia Hart": ["amelia@hart.example"],
            "Noah Bennett": [],
            "Anna": [],
            "Anna Weber": [],
        },
        cells=(
            "“7.7009E9” has words",
            "“bride” is no role",
            "“English” is no language",
            "“n/a” is not an e-mail",
            "“*100#” is a code",
            "“groom” is no role",
            "x1” has an extension",
            "x2” has an extension",
        ),
        errors=1,
    ),
    "unclosed_quote.csv": Expected(
        {
            "Amelia Hart": ["amelia@hart.example"],
            "Noah Bennett": ["noah@bennett.example"],
            "Ivy Marsh": ["ivy@marsh.example"],
            'Zoë "Zo" Lee': ["zoe@lee.example"],
        },
    ),
    "android_21.vcf": Expected(
        {
            "Jürgen Groß": ["j.gross@example.com", "+4915123456789"],
            "Anna Weiss": ["+491701234567"],
        },
        cells=(
            "is a fax or a pager",
            "“*100#” is a code",
        ),
        region="DE",
        facts={"given_name": "Jürgen", "notes": "Blumen\r\nund Kuchen"},
    ),
    "icloud.vcf": Expected(
        {
            "Amelia Hart": [
                "amelia@hart.example",
                "+447700900101",
                WORK_OF_AMELIA,
                "+442079460001",
            ],
            "Fleur & Stem": ["orders@fleur.example"],
        },
        cells=("is a fax or a pager",),
        facts={
            "weddings": ["Hart 2027"],
            "company": "Hart Ltd",
            "notes": "Vegan, and late\nTable 7",
        },
    ),
    "version_4.vcf": Expected(
        {
            "Zoë Lee": [
                "zoe@lee.example",
                "+447700900101",
                "zoe@work.example",
                "+442079460001",
            ],
        },
        cells=("ext=12” has an extension",),
        facts={
            "weddings": ["Hart 2027"],
            "language": "pt-BR",
            "custom": {"Telephone": "+44 20 7946 0005 ext. 12"},
        },
    ),
    "joined_and_cut.vcf": Expected(
        {
            "Amelia Hart": ["amelia@hart.example"],
            "Noah Bennett": ["noah@bennett.example"],
            "Ivy Marsh": ["+447700900103"],
            "Max Last": ["max@last.exam"],
        },
        cells=("“this is no line” is no line", "does not end", "does not end"),
        errors=1,
    ),
}


def test_there_is_an_expectation_for_every_sample() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("filename", EXPECTED)
def test_a_sample_becomes_its_people_and_says_what_it_leaves_out(filename: str) -> None:
    expected = EXPECTED[filename]
    organization = factories.organization(region=expected.region)
    client = logged_in(factories.member(organization, Role.OWNER))
    upload = SimpleUploadedFile(filename, (SAMPLES / filename).read_bytes())

    page = client.post(listed(Import, "add"), {"file": upload}, follow=True)
    seen = client.get(url(Import.objects.get(), "errors")).content.decode()
    client.post(url(Import.objects.get(), "confirm"), {"without_errors": "1"})

    people = Contact.objects.filter(organization=organization).order_by("pk")
    assert {contact.name: values(contact) for contact in people} == expected.people
    assert Import.objects.get().counts == {
        "create": len(expected.people),
        "update": 0,
        "nothing": 0,
        "review": 0,
        "error": expected.errors,
        "cells": len(expected.cells),
    }
    for sentence in expected.cells:
        assert sentence in seen
        assert sentence in page.content.decode()
    first = people[0]
    assert {name: getattr(first, name) for name in expected.facts} == expected.facts


def values(contact: Contact) -> list[str]:
    rows = Address.objects.filter(contact=contact).order_by("-is_primary", "pk")
    return [address.value for address in rows]


def test_a_sample_taken_twice_changes_nothing(organization: Organization) -> None:
    """Not even who has no address, or only an extension."""
    client = logged_in(factories.member(organization, Role.OWNER))
    for filename in ("spreadsheet.csv", "icloud.vcf"):
        for _ in range(2):
            upload = SimpleUploadedFile(filename, (SAMPLES / filename).read_bytes())
            client.post(listed(Import, "add"), {"file": upload})
            row = Import.objects.latest("pk")
            client.post(url(row, "confirm"), {"without_errors": "1"})
        row.refresh_from_db()
        assert (row.counts["create"], row.counts["update"]) == (0, 0), filename


@pytest.fixture
def organization() -> Organization:
    return factories.organization(region="GB")
