"""CSV as people have it: any usual delimiter and encoding, any names of columns."""

import csv
import io
import re

from communications.book.files.records import Rejected

MAX_ROWS = 10_000
MAX_COLUMNS = 120
MAX_CELL = 25_000
ENCODINGS = ("utf-8-sig", "cp1252")
DELIMITERS = ",;\t|"
# Of what our own export, Google, Outlook and other people call their columns; tried in this order.
TELEPHONE = (
    r"(home |business |mobile |primary )?(mobile|phone|tel(ephone|efon)?|handy|cell|sms|number)"
)
GUESSES = (
    ("given_name", r"(first|given)[ _-]?name|vorname"),
    ("family_name", r"(last|family)[ _-]?name|surname|nachname|familienname"),
    ("company", r"company|organi[sz]ation( name)?|firma|business"),
    ("whatsapp", r"whats ?app.*"),
    ("email", r"e-?mail.*(value|address)|(e-?mail|mail)([ _-]?\d)?|email_?\d*"),
    ("sms", TELEPHONE + r"(.*value|.*number|[ _-]?\d)?"),
    ("roles", r"roles?|rolle"),
    ("weddings", r"weddings?|hochzeit(en)?|labels?|tags?|group membership|categories"),
    ("language", r"language|sprache"),
    ("time_zone", r"time ?zone|time_zone|zeitzone"),
    ("preferred_channel", r"preferred[ _]channel"),
    ("notes", r"notes?|notizen?|comments?|remarks?"),
    ("name", r"(full |display |contact )?name"),
)


def decode_table(content: bytes) -> str:
    """Returns the text of a file in whatever encoding a spreadsheet wrote it."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", "replace")


def read_table(content: str) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows. Raises Rejected for what is no table, or too large a one."""
    lines = csv.reader(io.StringIO(content, newline=""), delimiter=guess_delimiter(content))
    try:
        rows = [row for row in lines if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise Rejected([f"This is no CSV file: {error}."]) from error
    if len(rows) < 2:  # noqa: PLR2004 (a heading and somebody)
        raise Rejected(["The file needs a line with the names of the columns and one per person."])
    columns = unique_columns(
        [name.strip() or f"Column {n}" for n, name in enumerate(rows[0], start=1)]
    )
    if len(columns) > MAX_COLUMNS or len(rows) - 1 > MAX_ROWS:
        raise Rejected([f"At most {MAX_ROWS:,} people and {MAX_COLUMNS} columns at a time."])
    return columns, [
        {column: cell[:MAX_CELL] for column, cell in zip(columns, row, strict=False)}
        for row in rows[1:]
    ]


def guess_delimiter(content: str) -> str:
    """Returns the delimiter that the heading has most of."""
    heading = content.lstrip().partition("\n")[0]
    return max(DELIMITERS, key=heading.count)


def unique_columns(columns: list[str]) -> list[str]:
    found: list[str] = []
    for name in columns:
        number = sum(1 for other in found if other == name or other.startswith(f"{name} ("))
        found.append(f"{name} ({number + 1})" if name in found else name)
    return found


def guess_mapping(columns: list[str]) -> dict[str, str]:
    """Returns what each column probably is; blank for one to leave out."""
    return {column: target_of(column) for column in columns}


def target_of(column: str) -> str:
    plain = re.sub(r" \(\d+\)$", "", column).strip().casefold()
    return next((target for target, like in GUESSES if re.fullmatch(like, plain)), "")


# What begins so is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(columns: list[str], rows: list[list[str]]) -> str:
    """Returns a CSV for spreadsheets in which nothing is ever calculated.

    Our import takes the guard off again.
    """
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(columns)
    table.writerows([[guarded_cell(cell) for cell in row] for row in rows])
    # The mark tells Excel that it is UTF-8.
    return "\ufeff" + out.getvalue()


def guarded_cell(cell: str) -> str:
    return f"'{cell}" if cell.lstrip().startswith(FORMULA) else cell
