"""CSV as people have it: any usual delimiter and encoding, any names of columns."""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator

from communications.book.files import headings
from communications.book.files.records import Rejected

MAX_ROWS = 10_000
MAX_COLUMNS = 120
MAX_CELL = 25_000
# A quote that is not closed by then was never meant to open anything.
LONGEST_QUOTED = 100_000
WINDOWS = "cp1252"
# A parameter of a line in a vCard.
CHARSET = re.compile(rb"[^:]{0,200}?;CHARSET=\"?([A-Za-z0-9_.-]{1,30})", re.IGNORECASE)
DELIMITERS = ",;\t|"
# Excel's own first line: which character separates the cells.
SEPARATOR_LINE = re.compile(r'\s*"?sep=([,;\t|:])"?[;,\t]*[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
NEW_LINE = re.compile(r"\r\n|\r|\n")
MAX_TITLE_LINES = 6


def decode_table(content: bytes) -> str:
    """Returns the text of a file in whatever encoding a spreadsheet wrote it."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    # UTF-16 without its mark: every other byte of a heading is zero.
    if content[1:2] == b"\0":
        return content.decode("utf-16-le", "replace")
    if content[:1] == b"\0":
        return content.decode("utf-16-be", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Files that were joined have lines of several encodings.
        return "\n".join(map(decode_line, content.split(b"\n")))


def decode_line(line: bytes) -> str:
    """Returns a line in UTF-8, or else in the character set it names, or in that of Windows."""
    named = CHARSET.match(line)
    for encoding in ("utf-8", named[1].decode() if named else WINDOWS, WINDOWS):
        try:
            return line.decode(encoding)
        except (UnicodeError, LookupError, ValueError):
            continue
    return line.decode("latin-1")


def read_table(content: str) -> tuple[list[str], list[dict[str, str]]]:
    """Returns columns and rows. Raises Rejected for what is no table, or too large a one.

    A row has a cell `EXTRA` where it is longer than the heading.
    """
    columns, rows = read_numbered_table(content)
    return columns, [cells for _, cells in rows]


def read_numbered_table(content: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Returns columns, and rows with the line of the file in which each begins, from 1.

    Raises Rejected like `read_table`.
    """
    content = content.removeprefix("\ufeff")
    separator = SEPARATOR_LINE.match(content)
    table = content[separator.end() :] if separator else without_title(content)
    above = count_lines(content[: len(content) - len(table)])
    rows = split_rows(table, separator[1] if separator else guess_delimiter(table))
    if len(rows) < 2:  # noqa: PLR2004 (a heading and somebody)
        raise Rejected(["The file needs a line with the names of the columns and one per person."])
    [_, heading], *people = rows
    if len(heading) > MAX_COLUMNS or len(people) > MAX_ROWS:
        raise Rejected([f"At most {MAX_ROWS:,} people and {MAX_COLUMNS} columns at a time."])
    columns = unique_columns(
        [name.strip() or f"Column {n}" for n, name in enumerate(heading, start=1)]
    )
    return columns, [(above + line, row_cells(columns, row)) for line, row in people]


def count_lines(text: str) -> int:
    return len(NEW_LINE.findall(text))


def without_title(content: str) -> str:
    """Returns a table without the lines above its heading: “Guest list”, a date, nothing.

    They are known by what follows: a line in which at least two headings are known.
    """
    if not content or known_headings(NEW_LINE.split(content, 1)[0]):
        return content
    start = 0
    for end_of_line in itertools.islice(NEW_LINE.finditer(content), MAX_TITLE_LINES):
        if known_headings(content[start : end_of_line.start()]) > 1:
            return content[start:]
        start = end_of_line.end()
    return content


def known_headings(line: str) -> int:
    """Returns how many cells of a line are headings that we know."""
    _, cells = next(strict_rows(line[:MAX_CELL], guess_delimiter(line)), (1, []))
    return sum(map(bool, headings.guess_mapping(cells[:MAX_COLUMNS]).values()))


# Of a row, what stands beyond the last column.
EXTRA = ""


def row_cells(columns: list[str], row: list[str]) -> dict[str, str]:
    found = {column: cell[:MAX_CELL] for column, cell in zip(columns, row, strict=False)}
    beyond = [cell.strip() for cell in row[len(columns) :] if cell.strip()]
    return found | ({EXTRA: ", ".join(beyond)[:MAX_CELL]} if beyond else {})


# A row of a table, and the line in which it begins, from 1.
NumberedRow = tuple[int, list[str]]


def split_rows(content: str, delimiter: str) -> list[NumberedRow]:
    """Returns the rows that have anything in them; at most one more than may be in a file."""
    rows = filled_rows(strict_rows(content, delimiter))
    if not rows or any(len(row) > 1 for _, row in rows):
        return rows
    # Each line in quotes as a whole: what other programs joined was quoted once more.
    inner = guess_delimiter(rows[0][1][0])
    if all(inner in row[0] for _, row in rows):
        return filled_rows(
            (line + further - 1, cells)
            for line, row in rows
            for further, cells in strict_rows(row[0], inner)
        )
    return rows


def filled_rows(rows: Iterable[NumberedRow]) -> list[NumberedRow]:
    filled = ((line, row) for line, row in rows if any(cell.strip() for cell in row))
    return list(itertools.islice(filled, MAX_ROWS + 2))


def strict_rows(content: str, delimiter: str) -> Iterator[NumberedRow]:
    """Yields the rows of a table."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    rows: list[NumberedRow] = []
    line = 1
    try:
        # Takes all or nothing: a quote that is not closed would swallow the people behind it.
        for row in reader:
            rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error:
        yield from forgiving_rows(content, delimiter)
    else:
        yield from rows


def forgiving_rows(content: str, delimiter: str) -> Iterator[NumberedRow]:
    """Yields the rows of a table in which quotes stand where none should.

    A quote opens a cell only where one closes it, before a delimiter or the end of its line.
    """
    unquoted = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    row: list[str] = []
    position = begin = 0
    line = 1
    while position <= len(content):
        closing = find_closing_quote(content, position, delimiter)
        if closing > position:
            cell, position = content[position + 1 : closing].replace('""', '"'), closing + 1
        else:
            plain = unquoted.match(content, position)
            # A quote that nothing closes says nothing of the cell behind it.
            cell = plain[0].removeprefix('"') if plain else ""
            position = plain.end() if plain else position
        row.append(cell)
        if content[position : position + 1] == delimiter:
            position += 1
            continue
        yield line, row
        row = []
        end_of_line = NEW_LINE.match(content, position)
        position = end_of_line.end() if end_of_line else len(content) + 1
        line, begin = line + count_lines(content[begin:position]), position


def find_closing_quote(content: str, position: int, delimiter: str) -> int:
    """Returns where the quote that opens at a position is closed; 0 if there is none."""
    if content[position : position + 1] != '"':
        return 0
    end = min(len(content), position + LONGEST_QUOTED)
    quote = content.find('"', position + 1, end)
    while quote >= 0:
        following = content[quote + 1 : quote + 2]
        if following == '"':
            quote = content.find('"', quote + 2, end)
            continue
        return quote if following in ("", delimiter, "\r", "\n") else 0
    return 0


def guess_delimiter(content: str) -> str:
    """Returns the delimiter that the heading has most of, outside of quotes."""
    counts = dict.fromkeys(DELIMITERS, 0)
    is_quoted = False
    for char in content.lstrip("\ufeff\r\n")[:MAX_CELL]:
        if char == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif char in "\r\n":
            break
        elif char in counts:
            counts[char] += 1
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def unique_columns(columns: list[str]) -> list[str]:
    """Returns the names of columns, numbered where several have the same."""
    found: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for name in columns:
        unique = name
        while unique in found:
            numbers[name] = numbers.get(name, 1) + 1
            unique = f"{name} ({numbers[name]})"
        found[unique] = None
    return list(found)


# What begins so is a formula to a spreadsheet.
FORMULA = re.compile(r"'*\s*[=+\-@]|'*[\t\r]")


def write_table(columns: list[str], rows: list[list[str]]) -> str:
    """Returns a CSV for spreadsheets in which nothing is ever calculated.

    Our import takes the guard off again.
    """
    out = io.StringIO()
    table = csv.writer(out)
    table.writerows([[guarded_cell(cell) for cell in row] for row in [columns, *rows]])
    # The mark tells Excel that it is UTF-8.
    return "\ufeff" + out.getvalue()


def guarded_cell(cell: str) -> str:
    return f"'{cell}" if FORMULA.match(cell) else cell
