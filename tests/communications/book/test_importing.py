"""Files of contacts: looked at first, taken as a whole, given out again."""

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from communications.book import contacts
from communications.book.files import (
    csv_tables,
    exporting,
    importing,
    vcards,
)
from communications.book.files.records import Rejected
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.errors import InvalidAddress, NotPossible
from communications.models import Contact, ContactChange, Import, Organization, Pair
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.connections import Closing
from tests.processes.running import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


def given(venue: Organization, text: str, filename: str = "people.csv") -> Import:
    return importing.upload_file(venue, filename, text.encode(), by="olga")


def values(contact: Contact) -> list[tuple[str, str]]:
    return list(contact.addresses.values_list("channel", "value"))


GOOGLE = """First Name,Last Name,Organization Name,Labels,E-mail 1 - Value,Phone 1 - Value,Notes
Amelia,Hart,,Hart 2027 ::: * myContacts,Amelia@Hart.example ::: a@work.example,07700 900101,Vegan
,,Fleur & Stem,Suppliers,orders@fleur.example,,"Lilies, peonies"
"""


def test_a_file_of_google_s_is_understood(venue: Organization) -> None:
    row = given(venue, GOOGLE)

    counts = importing.confirm_import(row, by="olga")

    assert counts["create"] == 2
    amelia = Contact.objects.get(given_name="Amelia")
    assert (amelia.name, amelia.family_name, amelia.notes) == ("Amelia Hart", "Hart", "Vegan")
    assert amelia.weddings == ["Hart 2027"]
    assert values(amelia) == [
        ("email", "amelia@hart.example"),
        ("sms", "+447700900101"),
        ("email", "a@work.example"),
    ]
    assert Contact.objects.get(company="Fleur & Stem").name == "Fleur & Stem"
    change = amelia.changes.get()
    assert (change.field, change.source, change.by) == ("created", "import", "olga: people.csv")
    row.refresh_from_db()
    assert (row.state, row.content) == ("done", "")


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("Name;E-Mail\nJürgen Groß;j@example.com\n".encode("cp1252"), ";"),
        ("Name\tE-Mail\nJürgen Groß\tj@example.com\n".encode("utf-16"), "\t"),
        ("\ufeffName,E-Mail\r\nJürgen Groß,j@example.com\r\n".encode(), ","),
    ],
)
def test_other_encodings_and_delimiters_are_understood(
    venue: Organization,
    content: bytes,
    delimiter: str,
) -> None:
    row = importing.upload_file(venue, "people.csv", content, by="olga")

    assert csv_tables.guess_delimiter(row.content.lstrip("\ufeff")) == delimiter
    importing.confirm_import(row, by="olga")
    assert Contact.objects.get().name == "Jürgen Groß"


WRONG = """Name,E-mail,Phone,Language
Amelia Hart,amelia@hart.example,,en
Noah Bennett,not an address,12,en
,,,
Ivy Marsh,ivy@example.com,,Klingon
,,07700 900105,
,neither,,
,,,fr
"""


def test_a_wrong_cell_costs_nobody_and_says_why(venue: Organization) -> None:
    rows = importing.preview_import(given(venue, WRONG)).plan.rows

    assert [(row.number, str(row.action)) for row in rows] == [
        (2, "create"),
        (3, "create"),
        # An empty row is nobody, and a line of the file all the same.
        (5, "create"),
        (6, "create"),
        (7, "error"),
        (8, "error"),
    ]
    assert "“not an address” is not an e-mail address" in rows[1].problems[0]
    assert "too few or too many digits" in rows[1].problems[1]
    assert "Language: “Klingon” is no language" in rows[2].problems[0]
    assert "“neither” is not an e-mail address" in rows[4].reasons[0]
    assert rows[5].reasons == ("It has neither a name nor an address.",)
    assert Contact.objects.count() == 0


def test_a_file_to_mend_has_the_lines_and_cells_of_what_cannot_be_taken(
    venue: Organization,
) -> None:
    row = given(venue, "Guest list\n\nName,E-mail\nAmelia,a@x.example\n\n,nobody\n")
    listed = importing.wrong_rows(row).splitlines()[1]
    assert listed.startswith("6,")
    assert listed.endswith(",,nobody")


def test_nothing_is_half_imported(venue: Organization) -> None:
    row = given(venue, WRONG)

    with pytest.raises(NotPossible, match="2 rows cannot be taken"):
        importing.confirm_import(row, by="olga")
    assert Contact.objects.count() == 0

    counts = importing.confirm_import(row, by="olga", without_errors=True)
    assert (counts["create"], counts["error"], counts["cells"]) == (4, 2, 3)
    assert Contact.objects.count() == 4
    with pytest.raises(NotPossible, match="imported already"):
        importing.confirm_import(row, by="olga")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (IntegrityError(), "Somebody else was given one of its addresses meanwhile"),
        (DataError(), "Something in it is too long"),
        (InvalidAddress("A contact has at most 20 addresses."), "at most 20 addresses"),
    ],
)
def test_who_fails_only_while_being_taken_is_listed_with_the_reason(
    venue: Organization, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    contacts.create_contact(venue, name="Amelia", addresses=[("email", "a@hart.example")])

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(contacts, "change_contact", failing)
    row = given(venue, "Name,E-mail,Notes\nAmelia,a@hart.example,Vegan\nTom,t@hart.example,\n")
    counts = importing.confirm_import(row, by="olga")

    assert (counts["create"], counts["update"], counts["error"]) == (1, 0, 1)
    row.refresh_from_db()
    assert row.findings
    [[number, name, why]] = row.findings["incomplete"]
    assert (number, name) == (2, "Amelia")
    assert reason in why


def test_a_known_address_fills_what_is_blank_and_overwrites_nothing(venue: Organization) -> None:
    known = contacts.create_contact(
        venue,
        name="Liz Hart",
        notes="Vegan.",
        roles=["couple"],
        addresses=[("email", "liz@hart.example")],
    )
    text = "Name,E-mail,Phone,Notes,Company,Roles\n"
    text += "Elizabeth Hart,LIZ@hart.example,07700 900101,Other,Hart Ltd,Guest\n"

    counts = importing.confirm_import(given(venue, text), by="olga")

    assert counts["update"] == 1
    known.refresh_from_db()
    assert (known.name, known.notes, known.company) == ("Liz Hart", "Vegan.", "Hart Ltd")
    assert known.roles == ["couple", "guest"]
    assert ("sms", "+447700900101") in values(known)
    changed = ContactChange.objects.filter(contact=known, source="import")
    assert {row.field for row in changed} == {"company", "roles", "addresses"}


def test_a_known_address_under_another_name_is_for_a_person_to_judge(venue: Organization) -> None:
    known = contacts.create_contact(venue, name="Anna Weber", addresses=[("sms", "+447700900101")])
    text = "Name,Phone,E-mail\nBernd Weber,07700 900101,bernd@example.com\n"

    row = given(venue, text)
    (planned,) = importing.preview_import(row).plan.rows
    importing.confirm_import(row, by="olga")

    assert (str(planned.action), planned.reasons[1]) == ("review", "The names differ.")
    made = Contact.objects.get(name="Bernd Weber")
    assert values(made) == [("email", "bernd@example.com")]
    pair = Pair.objects.get()
    assert (pair.one, pair.other) == (known, made)


def test_the_same_person_twice_in_a_file_becomes_one_contact(venue: Organization) -> None:
    text = "Name,E-mail,Phone\nLiz Hart,liz@hart.example,\n"
    text += "Elizabeth Hart,LIZ@HART.example,+44 7700 900101\n"

    importing.confirm_import(given(venue, text), by="olga")

    liz = Contact.objects.get()
    assert (liz.name, values(liz)[1]) == ("Liz Hart", ("sms", "+447700900101"))


def test_a_row_that_joins_two_contacts_is_a_reason_to_look(venue: Organization) -> None:
    text = "Name,E-mail,Phone\nLiz Hart,liz@hart.example,\nElizabeth Hart,,07700900101\n"
    text += "Liz Hart,LIZ@HART.example,+44 7700 900101\n"

    importing.confirm_import(given(venue, text), by="olga")

    assert Contact.objects.count() == 2
    assert Pair.objects.get().score == 100


def test_an_opt_out_survives_an_import(venue: Organization) -> None:
    suppressions.suppress_address(
        venue, channel="email", value="amelia@hart.example", reason=Reason.OPT_OUT
    )

    importing.confirm_import(given(venue, GOOGLE), by="olga")

    draft = Draft(channel="email", to="Amelia@hart.example", subject="Hi", body="Hello")
    assert compose_message(venue, draft).message.status == Status.SUPPRESSED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names of the columns"),
        ("Name\n", "names of the columns"),
        ("BEGIN:VCARD\n", "no vCard"),
        ("Name\n" + "x\n" * 10_001, "At most 10,000 people"),
        (",".join(f"c{n}" for n in range(200)) + "\nx\n", "120 columns"),
        ("x" * (5 * 1024 * 1024 + 1), "At most 5 MB"),
        ("PK\x03\x04 an .xlsx is an archive", "save the list as CSV"),
    ],
)
def test_what_is_no_file_of_contacts_is_refused(venue: Organization, text: str, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        given(venue, text)
    assert Import.objects.count() == 0


def test_the_columns_can_be_told(venue: Organization) -> None:
    row = given(venue, "Who,Where,Diet\nAmelia,amelia@hart.example,vegan\n")
    assert row.mapping == {"Who": "", "Where": "", "Diet": ""}

    importing.choose_columns(
        row, {"Who": "name", "Where": "email", "Diet": "custom", "Else": "name"}
    )
    importing.confirm_import(row, by="olga")

    made = Contact.objects.get()
    assert (made.name, made.custom) == ("Amelia", {"Diet": "vegan"})


# --- given out again ---


def full(venue: Organization) -> Contact:
    return contacts.create_contact(
        venue,
        given_name="Zoë",
        family_name="O’Hara; Jr",
        company="=HYPERLINK(0)",
        roles=["guest", "supplier"],
        weddings=["Hart & Bennett, June 2027"],
        language="pt-BR",
        time_zone="Europe/Lisbon",
        preferred_channel="sms",
        notes="-1 guest\nand, “quotes”",
        custom={"Table": "+7"},
        addresses=[("email", "zoe@example.com"), ("sms", "+447700900101")],
    )


def test_our_own_csv_comes_back_as_it_was(venue: Organization) -> None:
    before = full(venue)
    text = exporting.contacts_as_csv([before])
    elsewhere = factories.organization()

    row = given(elsewhere, text)
    importing.choose_columns(row, row.mapping | {"Table": "custom"})
    importing.confirm_import(row, by="olga")

    after = Contact.objects.get(organization=elsewhere)
    for name in ("name", "given_name", "family_name", "company", "roles", "weddings", "language"):
        assert getattr(after, name) == getattr(before, name), name
    for name in ("time_zone", "preferred_channel", "notes", "custom"):
        assert getattr(after, name) == getattr(before, name), name
    assert values(after) == values(before)


def test_no_cell_is_a_formula(venue: Organization) -> None:
    text = exporting.contacts_as_csv([full(venue)])

    _, rows = csv_tables.read_table(text.removeprefix("\ufeff"))
    assert [cell for cell in rows[0].values() if cell.startswith(("=", "+", "-", "@"))] == []
    assert rows[0]["company"] == "'=HYPERLINK(0)"


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_our_own_vcard_comes_back_as_it_was(venue: Organization, version: str) -> None:
    before = full(venue)
    text = exporting.contacts_as_vcards([before], version)
    elsewhere = factories.organization()

    importing.confirm_import(given(elsewhere, text, "people.vcf"), by="olga")

    assert f"VERSION:{version}" in text
    after = Contact.objects.get(organization=elsewhere)
    for name in ("name", "given_name", "family_name", "company", "weddings", "language", "notes"):
        assert getattr(after, name) == getattr(before, name), name
    assert values(after) == values(before)


CARDS = """BEGIN:VCARD
VERSION:4.0
FN:Amelia Hart
N:Hart;Amelia;;;
ORG:Hart Ltd;Design
EMAIL;TYPE=work;PREF=1:amelia@hart.example
EMAIL;TYPE=home:a@home.example
TEL;VALUE=uri;TYPE="voice,cell":tel:+44-7700-900101
TEL;TYPE=fax:+44 20 7946 0000
PHOTO;ENCODING=b;TYPE=JPEG:AAAA
 BBBB
NOTE:Vegan\\, and late
END:VCARD
BEGIN:VCARD
VERSION:3.0
N:;;;;
END:VCARD
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Gro=C3=9F;J=C3=BCrgen;;;
TEL;CELL:0044 7700 900102
END:VCARD
"""


def test_cards_of_all_versions_are_understood(venue: Organization) -> None:
    row = given(venue, CARDS, "people.vcf")

    rows = importing.preview_import(row).plan.rows
    assert [str(row.action) for row in rows] == ["create", "error", "create"]
    importing.confirm_import(row, by="olga", without_errors=True)

    amelia = Contact.objects.get(name="Amelia Hart")
    assert (amelia.company, amelia.notes) == ("Hart Ltd", "Vegan, and late")
    assert values(amelia) == [
        ("email", "amelia@hart.example"),
        ("sms", "+447700900101"),
        ("email", "a@home.example"),
    ]
    assert amelia.addresses.get(value="a@home.example").label == "home"
    assert Contact.objects.get(family_name="Groß").given_name == "Jürgen"


def test_rubbish_in_a_card_is_an_error_and_no_crash(venue: Organization) -> None:
    [card] = vcards.split_cards("BEGIN:VCARD\nnonsense\nEND:VCARD\n")
    with pytest.raises(Rejected, match="“nonsense” is no line of a vCard"):
        vcards.record_from_card(venue, 1, card)


@pytest.mark.usefixtures("concurrent_writers")
def test_while_a_file_is_taken_messages_of_the_same_organization_go_on(venue: Organization) -> None:
    """What the dispatchers write down refers to the organization, and many are in one transaction:
    one that waits for an import would keep everybody's waiting."""
    row = given(venue, GOOGLE)
    with Closing(1) as pool, transaction.atomic():
        # So the import stops in its middle, until we are done.
        Import.objects.select_for_update().get(pk=row.pk)
        taken = pool.submit(importing.confirm_import, row, by="olga")
        eventually(somebody_waits)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '3s'")
        factories.message(venue)
    assert taken.result()["create"] == 2


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.usefixtures("concurrent_writers")
def test_whoever_is_being_changed_can_be_written_to_meanwhile(venue: Organization) -> None:
    contact = contacts.create_contact(
        venue, name="Amelia", addresses=[("email", "amelia@hart.example")]
    )
    with Closing(1) as pool, transaction.atomic():
        contacts.change_contact(contact, name="Amelia Hart")
        assert pool.submit(written_to, contact).result(timeout=30)


def written_to(contact: Contact) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '3s'")
    draft = Draft(contact=contact.pk, subject="Your day", body="See you soon.")
    return compose_message(contact.organization, draft).message.contact_id == contact.pk


def test_an_extension_is_kept_also_for_somebody_who_has_notes(venue: Organization) -> None:
    known = contacts.create_contact(
        venue, name="Anna", notes="Vegan", addresses=[("email", "anna@hart.example")]
    )
    text = "Name,E-mail,Phone\nAnna,anna@hart.example,020 7946 0005 x1\n"
    importing.confirm_import(given(venue, text), by="olga")
    known.refresh_from_db()
    assert (known.notes, known.custom) == ("Vegan", {"Telephone": "+44 20 7946 0005 ext. 1"})


def test_a_large_picture_does_not_count(venue: Organization) -> None:
    picture = "\n ".join(["A" * 75] * 90_000)
    card = f"BEGIN:VCARD\nFN:Zoë\nPHOTO;ENCODING=b:{picture}\nTEL:07700 900101\nEND:VCARD\n"
    assert len(card) > importing.MAX_BYTES
    row = given(venue, card, "zoe.vcf")
    assert importing.confirm_import(row, by="olga")["create"] == 1


SHARED = ("share@example.org", "+447700900401")


@pytest.mark.parametrize("is_known", [False, True])
def test_an_address_of_somebody_else_is_kept_and_listed(
    venue: Organization, *, is_known: bool
) -> None:
    text = "Name,E-mail,Phone,Notes\nRob Share,{0},{1},\nSue Share,{0},{1},Vegan\n".format(*SHARED)
    if is_known:
        contacts.create_contact(venue, name="Sue Share", addresses=[], notes="Vegan")

    counts = importing.confirm_import(given(venue, text), by="olga")

    sue = Contact.objects.get(name="Sue Share")
    assert (values(sue), sue.custom) == ([], {"Shared address": "; ".join(SHARED)})
    assert counts["cells"] == 2
    row = Import.objects.get()
    assert row.findings
    [[_, name, why]] = row.findings["incomplete"]
    assert name == "Sue Share"
    for value in SHARED:
        assert f"{value} is the address of Rob Share: it is kept as the custom field" in why
    again = importing.confirm_import(given(venue, text), by="olga")
    assert (again["create"], again["update"], again["nothing"]) == (0, 0, 2)


def test_a_number_that_stays_somebody_else_s_is_said_to_be_nothing_else(
    venue: Organization,
) -> None:
    importing.confirm_import(given(venue, "Name,Phone\nZoé,06 12 34 56 78\n"), by="olga")
    row = given(venue, "Nombre;Apellidos;Teléfono\nJosé;Núñez;612 345 678\n")
    importing.confirm_import(row, by="olga")
    jose = Contact.objects.get(given_name="José")
    assert jose.custom == {"Shared address": "+44612345678"}
    row.refresh_from_db()
    assert row.findings
    assert "+44612345678: it is kept" not in str(row.findings)
