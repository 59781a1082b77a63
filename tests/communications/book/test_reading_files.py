"""Cells, headings and lines: what is understood, what is listed, and in which time."""

import contextlib
import string
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from communications.book import reach
from communications.book.contacts import AddressEntry
from communications.book.files import cells, csv_tables, headings, records, vcard_lines, vcards
from communications.book.files.cells import CellReading
from communications.book.files.records import Rejected
from communications.models import Organization

VENUE = Organization(name="Venue", region="GB")


def read_cell(channel: str, cell: str, region: str = "GB") -> CellReading:
    reading = CellReading()
    cells.read_addresses(AddressEntry(channel, cell), reading, region=region)
    return reading


def number_cell(cell: str, region: str = "GB") -> CellReading:
    return read_cell("sms", cell, region)


def found(reading: CellReading) -> list[str]:
    return [entry.value for entry in reading.entries]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("07700 900101", ["+447700900101"]),
        ("tel:+44-7700-900101", ["+447700900101"]),
        ("+44 (0)7700 900101", ["+447700900101"]),
        ("\u202a+44 7700 900101\u202c", ["+447700900101"]),
        ("07700 900101 / 07700 900102", ["+447700900101", "+447700900102"]),
        ("07700 900101, 07700 900102", ["+447700900101", "+447700900102"]),
        ("07700/900101", ["+447700900101"]),
        ("07700 900101 ::: +447700900102", ["+447700900101", "+447700900102"]),
    ],
)
def test_a_number_is_understood(cell: str, expected: list[str]) -> None:
    reading = number_cell(cell)
    assert (found(reading), reading.problems) == (expected, [])


@pytest.mark.parametrize("region", ["GB", "DE", "US", "FR", "IT", "AT"])
@pytest.mark.parametrize(
    "cell",
    [
        "0170 1234567 Mobil",
        "Mobil: 0170 1234567",
        "07700 900101 (mum)",
        "0170-1234567 Büro",
        "1-800-FLOWERS",
        "7.7009E9",
        "4,4770090E+11",
        "7700900101.0",
        "1571",
        "1990",
        "2025",
        "2025-01-05",
        "05.01.2025",
        "1/5/2025",
        "n/a",
        "-",
        "tbc",
        "?",
        "*100#",
        "#31#07700900101",
        "jane@hart.example",
        "see notes",
        "00",
    ],
)
def test_what_is_no_number_is_listed_and_never_guessed(cell: str, region: str) -> None:
    reading = number_cell(cell, region)
    assert found(reading) == []
    assert len(reading.problems) == 1
    assert cell[:6] in reading.problems[0]


def test_a_number_that_no_network_is_known_to_have_is_kept_and_listed() -> None:
    reading = number_cell("946 0018")
    assert found(reading) == ["+449460018"]
    assert "No network is known" in reading.problems[0]


@pytest.mark.parametrize("written", ["x12", "ext. 12", "ext 12", "Durchwahl 12", ";ext=12", "#12"])
def test_an_extension_is_kept_apart(written: str) -> None:
    reading = number_cell(f"020 7946 0018 {written}".replace(" ;", ";"))
    assert found(reading) == []
    assert reading.extensions == ["+44 20 7946 0018 ext. 12"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Jane <Jane@hart.example>", ["jane@hart.example"]),
        ('"Hart, J" <j@hart.example>, Bob <b@x.example>', ["j@hart.example", "b@x.example"]),
        ("mailto:jane@hart.example?subject=Hi", ["jane@hart.example"]),
        ("jane@hart.example; b@hart.example,", ["jane@hart.example", "b@hart.example"]),
        ("MAILTO:jane@hart.example", ["jane@hart.example"]),
    ],
)  # fmt: skip
def test_an_email_address_is_understood(cell: str, expected: list[str]) -> None:
    reading = read_cell("email", cell)
    assert (found(reading), reading.problems) == (expected, [])


@pytest.mark.parametrize("cell", ["n/a", "-", "none", "mailto:", "Jane <>", "a@", "x" * 5_000])
def test_what_is_no_email_address_is_listed(cell: str) -> None:
    reading = read_cell("email", cell)
    assert found(reading) == []
    assert len(reading.problems) == 1


def test_of_very_many_addresses_only_some_are_looked_at() -> None:
    reading = read_cell("email", "a;" * 10_000)
    assert len(reading.problems) == cells.MOST_READ
    assert "the others are left out" in reading.problems[-1]


def test_a_mobile_comes_before_a_landline_and_the_preferred_one_before_others() -> None:
    def ranked(*entries: AddressEntry) -> list[str]:
        return [entry.value for entry in reach.reachable_first(entries)]

    landline, unknown = AddressEntry("sms", "+441865270000"), AddressEntry("sms", "+12125550123")
    mobile, other = AddressEntry("sms", "+447911123456"), AddressEntry("sms", "+447911123457")
    assert ranked(landline, unknown, mobile) == [mobile.value, unknown.value, landline.value]
    assert ranked(mobile, other._replace(is_primary=True))[0] == other.value
    # No SMS reaches it, whoever prefers it.
    assert ranked(landline._replace(is_primary=True), mobile)[0] == mobile.value


@pytest.mark.parametrize(
    ("columns", "targets"),
    [
        ("Name,Vorname,Handy", ["family_name", "given_name", "sms"]),
        ("Nom,Prénom,Portable,Courriel", ["family_name", "given_name", "sms", "email"]),
        ("Nombre,Apellidos,Móvil", ["given_name", "family_name", "sms"]),
        ("Nombre,Teléfono,Correo electrónico", ["name", "sms", "email"]),
        ("Nome,Cognome,Cellulare", ["given_name", "family_name", "sms"]),
        ("Guest Name,Email Address,Phone Number", ["name", "email", "sms"]),
        ("Fax,Home Fax,Pager,Telex,Assistant's Phone", [""] * 5),
        ("E-mail 1 - Type,Phone 1 - Label,E-mail Display Name", [""] * 3),
        ("WhatsApp-Nummer,Telefon-Nr.,e-mail_2", ["whatsapp", "sms", "email"]),
        ("Notes,Remarks,Bemerkungen", ["notes"] * 3),
    ],
)
def test_headings_are_known_in_five_languages(columns: str, targets: list[str]) -> None:
    assert list(headings.guess_mapping(columns.split(",")).values()) == targets


@pytest.mark.parametrize(
    ("cell", "region"),
    [("347 123 4567", "GB"), ("7700 900101", "GB"), ("170 1234567", "DE"), ("639980003", "FR")],
)
def test_a_number_that_may_be_another_country_s_is_kept_and_listed(cell: str, region: str) -> None:
    reading = number_cell(cell, region)
    assert len(found(reading)) == 1
    [why] = reading.problems
    assert f"“{cell}” lacks the 0 that numbers of {region} begin with" in why
    assert found(reading)[0] in why


@pytest.mark.parametrize(
    ("cell", "region"),
    [
        ("07700 900101", "GB"),
        ("(0)7700 900101", "GB"),
        ("44 7700 900101", "GB"),
        ("tel:+44-7700-900101", "GB"),
        ("347 123 4567", "IT"),
        ("(650) 253-0000", "US"),
        ("98765 43210", "IN"),
        ("912 345-67-89", "RU"),
    ],
)
def test_a_number_as_its_region_writes_it_is_not_listed(cell: str, region: str) -> None:
    assert number_cell(cell, region).problems == []


@pytest.mark.parametrize(
    ("columns", "targets"),
    [
        (["Name, full", "E-mail, private", "Telephone, mobile", "Notes, remarks"],
         ["name", "email", "sms", "notes"]),
        (["Name, first", "Name, last", "Name, company"], ["given_name", "family_name", "company"]),
        (["Notes", "Remarks/comments", "Notizen, Bemerkungen"], ["notes", "notes", "notes"]),
        (["Name", "Name, partner", "Name, phonetic"], ["name", "", ""]),
        (["Number, extension", "Label, e-mail", "Notes,", ","], ["", "", "notes", ""]),
    ],
)  # fmt: skip
def test_a_heading_that_is_turned_round_is_known(columns: list[str], targets: list[str]) -> None:
    assert list(headings.guess_mapping(columns).values()) == targets


def test_turned_round_headings_in_quotes_find_their_people() -> None:
    text = 'sep=;\n"Name, full";"E-mail, private";"Notes, remarks"\nZoë Lee;z@lee.example;Vegan\n'
    columns, [row] = csv_tables.read_table(text)
    record = records.record_from_cells(VENUE, 2, row, headings.guess_mapping(columns))
    assert (record.facts, record.problems) == ({"name": "Zoë Lee", "notes": "Vegan"}, [])


@pytest.mark.parametrize(
    "tag",
    ["* myContacts", "* starred", "* My Contacts", "myContacts", "System Group: My Contacts"],
)
def test_nobody_marries_with_the_whole_address_book(tag: str) -> None:
    problems: list[str] = []
    assert records.fit_weddings("weddings", [tag, "Hart 2027"], problems) == ["Hart 2027"]
    assert problems == []


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("sep=;\nName;Phone\nA;1\n", ["Name", "Phone"]),
        ('"sep=;"\r\nName;Phone\r\nA;1\r\n', ["Name", "Phone"]),
        ("SEP=|\nName|Phone\nA|1\n", ["Name", "Phone"]),
        ('"Name, full, in one";"Phone, if any"\nA;1\n', ["Name, full, in one", "Phone, if any"]),
        ('"Name,Phone"\n"A,1"\n', ["Name", "Phone"]),
        ("x,x,x (2),x\n1,2,3,4\n", ["x", "x (2)", "x (2) (2)", "x (3)"]),
        ("Name\rA\r", ["Name"]),
        ("Guest list 2027\n\nName;E-mail\nA;a@x.example\n", ["Name", "E-mail"]),
        ("Hart & Lee,,\nJune,,\nFirst name,Phone,Diet\nA,1,\n", ["First name", "Phone", "Diet"]),
        ("Wer;Wo\nAmelia;Notes\n", ["Wer", "Wo"]),
    ],
)
def test_a_table_has_its_columns(content: str, columns: list[str]) -> None:
    assert csv_tables.read_table(content)[0] == columns


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (['"Anna,a@x', '"Ben,b@x'], [["Anna", "a@x"], ["Ben", "b@x"]]),
        (['Anna,"a@x', 'Ben,""', "Carl,c@x"], [["Anna", "a@x"], ["Ben", ""], ["Carl", "c@x"]]),
        (['"Anna","a@x', '"Ben","b@x"'], [["Anna", "a@x"], ["Ben", "b@x"]]),
        (['An"na,5"', '"Ben" x,b@x'], [['An"na', '5"'], ['Ben" x', "b@x"]]),
        (['"Anna, ""A"" B","a', 'b"'], [['Anna, "A" B', "a\nb"]]),
        (["Anna,20'-0\"", "Ben,b@x"], [["Anna", "20'-0\""], ["Ben", "b@x"]]),
    ],
)
def test_a_quote_that_is_not_closed_swallows_nobody(
    lines: list[str], rows: list[list[str]]
) -> None:
    _, found = csv_tables.read_table("\n".join(["Name,E-mail", *lines]))
    assert [list(row.values()) for row in found] == rows


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("Name,Notes\nA,\nB,\n", [2, 3]),
        ("Name,Notes\r\n\r\nA,\r\n,\r\n\r\nB,\r\n", [3, 6]),
        ("Name,Notes\rA,\r\rB,\r", [2, 4]),
        ("\ufeffsep=;\nName;Notes\nA;1\n", [3]),
        ("Guest list 2027\n\nName;E-mail\nA;a@x.example\n", [4]),
        ('Name,Notes\nA,"one\ntwo"\n\nB,\n', [2, 5]),
        ('Name,Notes\nA,"one\ntwo"\nAn"na,5"\n\n"Ben" x,b\n', [2, 4, 6]),
        ('"Name,Notes"\n\n"A,""one\ntwo"""\n"B,"\n', [3, 5]),
    ],
)
def test_a_row_is_told_by_the_line_in_which_it_begins(content: str, lines: list[int]) -> None:
    assert [line for line, _ in csv_tables.read_numbered_table(content)[1]] == lines


def test_what_stands_beyond_the_last_column_is_not_lost_without_a_word() -> None:
    _, [row] = csv_tables.read_table("Name,Notes\nAmelia,late, and vegan\n")
    assert row == {"Name": "Amelia", "Notes": "late", csv_tables.EXTRA: "and vegan"}


@pytest.mark.parametrize(
    "cell", ["=1+1", "'=1", " -1", "+44", "'", "20'-0\"", "@x", "\t=1", "plain"]
)
def test_a_guard_comes_off_again_and_nothing_else(cell: str) -> None:
    guarded = csv_tables.guarded_cell(cell)
    assert not guarded.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert records.GUARDED.sub("", guarded) == cell


def test_no_heading_is_a_formula() -> None:
    columns, _ = csv_tables.read_table(csv_tables.write_table(["=HYPERLINK(0)"], [["x"]]))
    assert columns == ["'=HYPERLINK(0)"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Jürgen\n".encode() + "Groß".encode("cp1252"), "Jürgen\nGroß"),
        ("\ufeffÄnne".encode(), "Änne"),
        ("Änne".encode("utf-16-le"), "Änne"),
        (b"FN;CHARSET=windows-1251:" + "Яна".encode("cp1251"), "FN;CHARSET=windows-1251:Яна"),
        (b"FN;CHARSET=nobody:\x81", "FN;CHARSET=nobody:\x81"),
    ],
)
def test_a_file_is_decoded_line_by_line_where_it_is_not_all_of_one_encoding(
    content: bytes, expected: str
) -> None:
    assert csv_tables.decode_table(content) == expected


# --- lines of cards ---


def card_of(*lines: str) -> records.ContactRecord:
    text = "\n".join(["BEGIN:VCARD", "VERSION:2.1", "FN:Zoë", *lines, "END:VCARD"])
    [card] = vcards.split_cards(vcard_lines.without_pictures(text))
    return vcards.record_from_card(VENUE, 1, card)


@pytest.mark.parametrize(
    ("lines", "facts"),
    [
        (["N;ENCODING=QUOTED-PRINTABLE:=48=61=", "=72=74;;;"], {"family_name": "Hart"}),
        (["NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0A=", "b"], {"notes": "a\r\nb"}),
        (["NOTE:a\\nb\\; c\\, d"], {"notes": "a\nb; c, d"}),
        (["NOTE:one", "NOTE:two"], {"notes": "one\ntwo"}),
        (["item1.ORG:Hart\\; Sons;Design"], {"company": "Hart; Sons"}),
        (["SOUND;X-IRMC-N:;;;;", "X-PHONETIC-FIRST-NAME:x"], {"name": "Zoë"}),
        (["CATEGORIES:Hart 2027\\, June,myContacts"], {"weddings": ["Hart 2027, June"]}),
        (["AGENT:", "BEGIN:VCARD", "FN:Agent", "END:VCARD", "NOTE:mine"], {"notes": "mine"}),
    ],
)  # fmt: skip
def test_a_line_of_a_card_is_understood(lines: list[str], facts: dict[str, object]) -> None:
    record = card_of(*lines)
    assert {name: record.facts.get(name) for name in facts} == facts
    assert record.problems == []


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        (["TEL;TYPE=WORK,FAX:020 7946 0001"], []),
        (["item1.TEL:020 7946 0001", "item1.X-ABLabel:_$!<HomeFAX>!$_"], []),
        (["TEL;PAGER:020 7946 0001", "TEL:"], []),
        (["TEL;HOME:020 7946 0001", "TEL;CELL:07700 900101"], ["+447700900101", "+442079460001"]),
        (["TEL;TYPE=pref:020 7946 0001", "TEL:07700 900101"], ["+447700900101", "+442079460001"]),
        (["TEL;PREF=2:07700 900101", "TEL;PREF=1:07700900102"], ["+447700900102", "+447700900101"]),
    ],
)  # fmt: skip
def test_the_number_to_use_comes_first(lines: list[str], numbers: list[str]) -> None:
    assert [entry.value for entry in card_of(*lines).entries] == numbers


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["TEL;TYPE=FAX,WORK:020 7946 0001"], "“020 7946 0001” is a fax"),
        (["item1.TEL:020 7946 0001", "item1.X-ABLabel:_$!<HomeFAX>!$_"], "is a fax"),
        (["TEL;PAGER:tel:+442079460001"], "“tel:+442079460001” is a fax or a pager"),
        (["NOTE;QUOTED-PRINTABLE:Broken=ZZ Qp"], "“Broken=ZZ Qp” is not written in the way"),
        (["N;ENCODING=QUOTED-PRINTABLE:H=C3=A;Q"], "is not written in the way"),
    ],
)
def test_what_of_a_card_is_not_kept_or_not_sure_is_listed(lines: list[str], problem: str) -> None:
    [why] = card_of(*lines).problems
    assert problem in why


@pytest.mark.parametrize(
    "line",
    ["TEL;FAX:", "X-OTHER;QUOTED-PRINTABLE:a=ZZ", "NOTE;QUOTED-PRINTABLE:a=20=3D= ", "NOTE:a=ZZ"],
)
def test_what_nobody_misses_is_not_listed(line: str) -> None:
    assert card_of(line).problems == []


def test_a_fax_in_a_table_is_listed() -> None:
    row = {"Name": "Zoë", "Phone 1 - Label": "Work Fax", "Phone 1 - Value": "020 7946 0001"}
    mapping = {"Name": "name", "Phone 1 - Value": "sms"}
    record = records.record_from_cells(VENUE, 2, row, mapping)
    assert (record.entries, len(record.problems)) == ([], 1)
    assert "“020 7946 0001” is a fax" in record.problems[0]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("Guest list\n{0}{1}", [["“Guest list” stands in no card."], [], []]),
        ("{0}\n  stray\nlines \n\n{1}", [[], ["“stray”", "“lines”"], []]),
        ("{0}{1}the end\n", [[], [], ["“the end”"]]),
        ("\n \n{0}\n\t\n{1}\n", [[], []]),
    ],
)
def test_what_stands_in_no_card_is_listed_by_itself(text: str, problems: list[list[str]]) -> None:
    cards = [f"BEGIN:VCARD\nFN:{name}\nEND:VCARD\n" for name in ("Zoë", "Tom")]
    found = vcards.split_cards(vcard_lines.without_pictures(text.format(*cards)))
    assert [len(card.problems) for card in found] == list(map(len, problems))
    for card, expected in zip(found, problems, strict=True):
        for why, part in zip(card.problems, expected, strict=True):
            assert part in why
            with pytest.raises(Rejected, match="stands in no card"):
                vcards.record_from_card(VENUE, 1, card)


@pytest.mark.parametrize(
    "picture",
    [
        "PHOTO;ENCODING=b;TYPE=JPEG:AAAA\n AAAA",
        "PHOTO;ENCODING=BASE64;JPEG:AAAA\nAAAA\n",
        "item1.LOGO:data:image/png;base64,AAAA",
        "X-MS-CARDPICTURE;TYPE=JPEG;ENCODING=BASE64:\n AAAA\n AAAA\n",
        "PHOTO;ENCODING=b;X-ABCROP-RECTANGLE=abc&0\n &1:AAAA",
        "X-THUMBNAIL;BASE64:AAAA",
    ],
)
def test_a_picture_does_not_count(picture: str) -> None:
    text = f"BEGIN:VCARD\nFN:Zoë\n{picture}\nTEL:07700 900101\nEND:VCARD\n"
    plain = vcard_lines.without_pictures(text)
    assert plain == "BEGIN:VCARD\nFN:Zoë\nTEL:07700 900101\nEND:VCARD\n"


LINES = st.sampled_from(
    [
        "BEGIN:VCARD",
        "END:VCARD",
        "END:VCARDBEGIN:VCARD",
        "PROFILE:vcard",
        "VERSION:2.1",
        "FN:Amelia Hart",
        "N:Hart;Amelia;;;",
        'TEL;TYPE="cell,voice:+44',
        "TEL;PREF=x:07700 900101",
        "EMAIL;ENCODING=b:====",
        "EMAIL;CHARSET=nope;ENCODING=QUOTED-PRINTABLE:a=40b.example=",
        "NOTE;ENCODING=QUOTED-PRINTABLE:=C3",
        " folded",
        "\tfolded",
        "",
        "nonsense",
        "KIND:group",
        "MEMBER:urn:uuid:1",
        "UID:1",
        "PHOTO;ENCODING=BASE64:AAAA",
        ";:",
        "AGENT:",
    ]
)


@settings(max_examples=50)
@given(st.lists(LINES | st.text(max_size=20), max_size=30))
def test_no_line_stops_a_file_of_cards(lines: list[str]) -> None:
    text = "\n".join([*lines, "BEGIN:VCARD", "FN:Last", "END:VCARD"])
    plain = vcard_lines.without_pictures(text)
    cards = vcards.split_cards(plain)
    names = []
    for number, card in enumerate(cards, start=1):
        with contextlib.suppress(Rejected):
            names.append(vcards.record_from_card(VENUE, number, card).facts["name"])
    assert names[-1] == "Last"


@settings(max_examples=50)
@given(st.text(alphabet=string.ascii_letters + '",;\n\r\t =-@', max_size=200))
def test_no_table_stops_the_reading(text: str) -> None:
    try:
        columns, rows = csv_tables.read_table(text)
    except Rejected:
        return
    mapping = headings.guess_mapping(columns)
    for number, row in enumerate(rows):
        with contextlib.suppress(Rejected):
            assert records.record_from_cells(VENUE, number, row, mapping).facts["name"]


# --- growth ---


def read_cards(text: str) -> None:
    for card in vcards.split_cards(vcard_lines.without_pictures(text)):
        with contextlib.suppress(Rejected):
            vcards.record_from_card(VENUE, 1, card)


def read_rows(text: str) -> None:
    columns, rows = csv_tables.read_table(text)
    mapping = headings.guess_mapping(columns)
    for row in rows:
        records.record_from_cells(VENUE, 1, row, mapping)


def cell_of(text: str) -> None:
    read_cell("sms", text)
    read_cell("email", text)


CARD = "BEGIN:VCARD\nFN:A\n{}\nEND:VCARD\n"
GROWING: dict[str, tuple[Callable[[str], object], Callable[[int], str]]] = {
    "cards that only begin": (read_cards, lambda n: "BEGIN:VCARD\n" * n),
    "blank lines": (read_cards, lambda n: CARD.format("\n" * n)),
    "folded notes": (read_cards, lambda n: CARD.format("NOTE:x" + "\n x" * n)),
    "a picture of one line": (
        read_cards,
        lambda n: CARD.format("PHOTO;BASE64:" + "A" * 200 * n + "\nA" * n),
    ),
    "spaces after an edge": (read_cards, lambda n: CARD.format("END" + " " * n + "x" + "\n x" * n)),
    "soft line breaks": (
        read_cards,
        lambda n: CARD.format("NOTE;ENCODING=QUOTED-PRINTABLE:" + "=C3=BC=\n" * n),
    ),
    "pictures": (read_cards, lambda n: CARD.format("PHOTO;ENCODING=b:A" + "\n AAAA" * n)),
    "ends in one line": (read_cards, lambda n: CARD.format("END:VCARD" * n)),
    "quotes and colons": (read_cards, lambda n: CARD.format("TEL;X=" + '":"' * n)),
    "parameters": (read_cards, lambda n: CARD.format("TEL" + ';"a"=b' * n + ":1")),
    "backslashes": (read_cards, lambda n: CARD.format("NOTE:" + "\\" * n)),
    "columns of one name": (read_rows, lambda n: "x," * n + "x\n1\n"),
    "quotes that are not closed": (read_rows, lambda n: "Name\n" + '"x\n' * n),
    "doubled quotes": (read_rows, lambda n: 'Name\n"x' + '""' * n + "\n" + '""""y\n' * 9),
    "roles": (read_rows, lambda n: 'Name,Role\nA,"' + ",".join(map(str, range(n // 2))) + '"\n'),
    "weddings": (read_rows, lambda n: 'Name;Wedding\nA;"' + "a;" * n + '"\n'),
    "empty lines": (read_rows, lambda n: "Name\n" + "\n" * n + "A\n"),
    "spaces in a cell": (cell_of, lambda n: "a" + " " * n + "b"),
    "separators in a cell": (cell_of, lambda n: "a;" * n),
    "brackets in a cell": (cell_of, lambda n: "<" * n),
    "pauses in a number": (cell_of, lambda n: "1" + "," * n),
    "digits": (cell_of, lambda n: "1" * n),
}


def seconds(call: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        with contextlib.suppress(Rejected):
            call(text)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.parametrize("name", GROWING)
def test_a_file_four_times_as_long_takes_about_four_times_as_long(name: str) -> None:
    """Where it takes sixteen times as long, somebody can stop us with a file."""
    call, make = GROWING[name]
    short, long = seconds(call, make(2_500)), seconds(call, make(10_000))
    assert long < max(8 * short, 0.05), (short, long)
