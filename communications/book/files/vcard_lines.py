"""The lines of vCards 2.1, 3.0 and 4.0, as telephones and address books really write them.

Each card and each line is read by itself: one that cannot be understood is listed, and takes
nothing else with it. Every step looks at a character once, so a file twice as long takes twice the
time. Why this is not left to `vobject` is in DECISIONS.md.

vCard 2.1: https://web.archive.org/web/20120321200446/http://www.imc.org/pdi/vcard-21.txt,
3.0: https://www.rfc-editor.org/rfc/rfc2426, 4.0: https://www.rfc-editor.org/rfc/rfc6350.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from communications.vocabulary.written_numbers import shortened

BEGIN = re.compile(r"\ufeff?BEGIN[ \t]*:[ \t]*VCARD[ \t]*", re.IGNORECASE)
END = re.compile(r"END[ \t]*:[ \t]*VCARD[ \t]*", re.IGNORECASE)
# Pictures are most of a card, and nothing of it to us.
PICTURES = ("PHOTO", "LOGO", "SOUND", "KEY", "X-MS-CARDPICTURE")
# What else is in base64 is read only where we read the property.
READ = ("FN", "N", "NICKNAME", "ORG", "NOTE", "EMAIL", "TEL", "LANG", "CATEGORIES", "UID")
PROPERTY_NAME = re.compile(r"(?:[A-Za-z0-9_-]+\.)?([A-Za-z0-9_-]+)[;:]")
BASE64 = re.compile(r"[A-Za-z0-9+/=]+")
# What a parameter without a name says in vCard 2.1.
ENCODINGS = ("quoted-printable", "base64", "8bit", "7bit", "b")
# https://www.rfc-editor.org/rfc/rfc2045#section-6.7
NOT_QUOTED = re.compile(r"=(?![0-9A-Fa-f]{2}|[ \t]*\Z)")


@dataclass(frozen=True)
class CardProperty:
    """`TEL;TYPE=cell:+447700900101`: names and parameters in lower case, the value decoded."""

    name: str
    parameters: dict[str, list[str]]
    value: str
    # `item1` of `item1.TEL`.
    group: str = ""
    # It says that it is quoted-printable, and is not all of it.
    is_malformed: bool = False

    @property
    def types(self) -> list[str]:
        return self.parameters.get("type", [])


@dataclass
class Card:
    """What stands in one card. `problems`: which of its lines could not be read, and why."""

    properties: list[CardProperty] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    # Cards that stood inside of it. They are nobody's, unless it does not end.
    agents: list[Card] = field(default_factory=list)

    def all(self, name: str) -> list[CardProperty]:
        """Returns the properties of a name."""
        return [prop for prop in self.properties if prop.name == name]

    def label_of_group(self, group: str) -> str:
        """Returns what Apple calls the property of a group (`item1.TEL`) in a line of its own."""
        labels = [prop.value for prop in self.all("x-ablabel") if group and prop.group == group]
        return next(iter(labels), "")

    def first(self, name: str) -> str:
        """Returns the first value of a property that has one; blank if none has."""
        return next((prop.value for prop in self.all(name) if prop.value.strip()), "")


def read_cards(content: str) -> Iterator[Card]:
    """Yields the cards of a file, also those that do not end."""
    reader = CardReader()
    for line in logical_lines(content):
        if BEGIN.fullmatch(line):
            yield from reader.begin()
        elif END.fullmatch(line):
            yield from reader.end()
        else:
            reader.add(line)
    yield from reader.unfinished()


class CardReader:
    """Takes line after line; each method yields the cards that are over with it."""

    def __init__(self) -> None:
        # The card that is read; behind it that of its agent, which stands inside of it:
        # vCard 2.1, section 2.4.6.
        self.open: list[Card] = []
        # What stands between two cards: a problem of nobody whom we know.
        self.between = Card()

    def begin(self) -> Iterator[Card]:
        yield from self.outside()
        if not (self.open and is_agent(self.open[-1])):
            yield from self.unfinished()
        self.open.append(Card())

    def end(self) -> Iterator[Card]:
        if len(self.open) > 1:
            agent = self.open.pop()
            self.open[-1].agents.append(agent)
        elif self.open:
            yield self.open.pop()

    def add(self, line: str) -> None:
        if self.open:
            add_line(self.open[-1], line)
        elif line.strip():
            self.between.problems.append(f"“{shortened(line.strip())}” stands in no card.")

    def outside(self) -> Iterator[Card]:
        """Yields what stood between two cards, if anything did, as a card that has only that."""
        if self.between.problems:
            yield self.between
            self.between = Card()

    def unfinished(self) -> Iterator[Card]:
        """Yields cards that lack their end, if anything is in them, and who was in them."""
        for card in self.open:
            if card.properties or card.problems:
                card.problems.append("The card does not end: something of it may be missing.")
                yield card
            yield from card.agents
        self.open = []
        yield from self.outside()


def is_agent(card: Card) -> bool:
    last = card.properties[-1] if card.properties else None
    return last is not None and last.name == "agent" and not last.value.strip()


def add_line(card: Card, line: str) -> None:
    prop = read_property(line)
    if prop:
        card.properties.append(prop)
        if prop.is_malformed and prop.name.upper() in READ:
            shown = shortened(prop.value.strip())
            card.problems.append(f"“{shown}” is not written in the way it says: look at it.")
    elif line.strip():
        card.problems.append(f"“{shortened(line).strip()}” is no line of a vCard.")


# --- lines ---


def logical_lines(content: str) -> Iterator[str]:
    """Yields the lines of a file, folded ones as one, without pictures."""
    for lines in grouped_lines(content):
        if not is_picture(lines[0]):
            yield "".join(lines)


def without_pictures(content: str) -> str:
    """Returns the same file without its pictures: what counts against the limit of size."""
    return "".join(f"{line}\n" for line in logical_lines(content))


def is_picture(line: str) -> bool:
    found = PROPERTY_NAME.match(line)
    name = found[1].upper() if found else ""
    return name in PICTURES or (bool(name) and name not in READ and is_binary(line))


def grouped_lines(content: str) -> Iterator[list[str]]:
    """Yields the physical lines that make one, in pieces to be joined."""
    lines: list[str] = []
    is_soft = False
    may_continue = continuation_test("")
    for physical in physical_lines(content):
        if is_soft and not is_edge(physical):
            # A soft line break of quoted-printable: the rest follows, from its first column.
            is_soft = physical.endswith("=")
            lines.append(physical[:-1] if is_soft else physical)
        elif lines and may_continue(physical):
            lines.append(physical[1:] if physical[0] in " \t" else physical)
        else:
            if lines:
                yield lines
            # What is indented after an empty line continues nothing.
            begun = physical.lstrip(" \t")
            is_soft = has_encoding(begun, "QUOTED-PRINTABLE") and begun.endswith("=")
            may_continue = continuation_test(begun)
            lines = [begun[:-1] if is_soft else begun] if begun else []
    if lines:
        yield lines


def continuation_test(first: str) -> Callable[[str], bool]:
    """Returns what tells whether a line belongs to the one that begins with `first`.

    That one is looked at only here: it may be of megabytes, and have as many lines behind it.
    """
    may_be_folded, is_base64 = not is_edge(first), is_binary(first)

    def is_continuation(physical: str) -> bool:
        if physical[:1] in (" ", "\t"):
            return may_be_folded
        # vCard 2.1 does not indent pictures, and ends them with an empty line.
        return is_base64 and bool(BASE64.fullmatch(physical))

    return is_continuation


def is_binary(line: str) -> bool:
    """Returns whether the value of a line is in base64."""
    return has_encoding(line, "BASE64") or has_encoding(line, "ENCODING=B")


def has_encoding(line: str, name: str) -> bool:
    """Returns whether a line says that its value is encoded so."""
    return name in line.partition(":")[0].upper()


def physical_lines(content: str) -> Iterator[str]:
    """Yields the lines as they stand; what begins or ends a card is a line of its own."""
    for line in content.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        # Files that were joined have the end of one card and the beginning of the next in one
        # line, with a mark of the encoding between them.
        start = len(line) - len(line.lstrip(" \t")) if is_edge(line.strip()) else 0
        while mark := BEGIN.match(line, start) or END.match(line, start):
            yield mark[0]
            start = mark.end()
        if not start or start < len(line):
            yield line[start:]


def is_edge(line: str) -> bool:
    """Returns whether a line begins or ends a card."""
    return bool(BEGIN.fullmatch(line) or END.fullmatch(line))


# --- one line ---


def read_property(line: str) -> CardProperty | None:
    """Returns what a line says; None for one that says nothing."""
    head, separator, value = split_outside_quotes(line)
    if not separator:
        return None
    name, *given = split_parameters(head)
    group, _, plain_name = name.strip().lower().rpartition(".")
    parameters: dict[str, list[str]] = {}
    for parameter in given:
        key, equals, values = parameter.partition("=")
        if not equals:
            key, values = ("encoding" if key.strip().lower() in ENCODINGS else "type"), key
        listed = [part.strip().lower() for part in values.replace('"', "").split(",")]
        parameters.setdefault(key.strip().lower(), []).extend(listed)
    is_malformed = says_quoted(parameters) and bool(NOT_QUOTED.search(value))
    return CardProperty(
        plain_name, parameters, decoded_value(value, parameters), group, is_malformed
    )


def says_quoted(parameters: dict[str, list[str]]) -> bool:
    return (parameters.get("encoding") or [""])[0] == "quoted-printable"


def split_outside_quotes(line: str) -> tuple[str, str, str]:
    """Returns what stands before and after the first colon that is in no quotes."""
    start = 0
    while (colon := line.find(":", start)) >= 0:
        if line.count('"', start, colon) % 2 == 0:
            return line[:colon], ":", line[colon + 1 :]
        start = line.find('"', colon) + 1
        if not start:
            # A quote that is not closed: it means nothing.
            return line.partition(":")
    return line, "", ""


def split_parameters(head: str) -> list[str]:
    if '"' not in head:
        return head.split(";")
    return re.findall(r'(?:"[^"]*"|[^;"])+', head) or [head]


def decoded_value(value: str, parameters: dict[str, list[str]]) -> str:
    """Returns the text of a value in whatever way it is written."""
    encoding = (parameters.get("encoding") or [""])[0]
    charset = (parameters.get("charset") or ["utf-8"])[0]
    if says_quoted(parameters):
        return as_text(quopri.decodestring(value.encode("utf-8", "replace")), charset)
    if encoding in ("b", "base64"):
        try:
            return as_text(base64.b64decode("".join(value.split()), validate=True), charset)
        except (binascii.Error, ValueError):
            # It only says so.
            return value
    return value


def as_text(content: bytes, charset: str) -> str:
    """Returns the text in a character set, or in the usual ones where nobody knows that."""
    for encoding in (charset, "utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeError, ValueError):
            continue
    return content.decode("utf-8", "replace")


def split_value(value: str, separator: str) -> list[str]:
    """Returns the parts of a value, without the backslashes before what separates nothing."""
    parts, piece = [], []
    characters = iter(value)
    for char in characters:
        if char == "\\":
            following = next(characters, "")
            piece.append("\n" if following in ("n", "N") else following)
        elif char == separator:
            parts.append("".join(piece))
            piece = []
        else:
            piece.append(char)
    return [*parts, "".join(piece)]


def plain(value: str) -> str:
    """Returns a value as a whole, without its backslashes."""
    return "".join(split_value(value, ""))
